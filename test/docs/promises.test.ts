import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Clause } from '../../src/routing/implementation.ts'
import { foundations } from '../../src/specifications.ts'
import { ROOT, readPages, type Pages } from './pages.ts'
import { described, nameOf } from './specifications.ts'

const SECURITY = 'docs/security.md'
const LONGEST = 200

describe('what the documents promise', () => {
  const documents = readPages('', /^(README\.md|docs\/.*\.md)$/)
  const security = documents.get(SECURITY) ?? ''
  const promises = promisesOf(security)

  test(`${SECURITY}: each promise has its rule and its test, and each test is there by that title`, () => {
    assert.ok(promises.length > 20, 'the promises were found')
    const titles = titlesOf(readPages('test', /\.test\.ts$/))
    for (const promise of promises) {
      assert.match(promise, /Rule: /, `without a rule: ${promise}`)
      const named = testsOf(promise)
      assert.ok(named.length > 0, `without a test: ${promise}`)
      for (const { file, title } of named) {
        assert.ok(titles.get(file)?.some((pattern) => pattern.test(title)), `${file} has no test "${title}"`)
      }
    }
  })

  test(`what the README says in bold is a heading of ${SECURITY}`, () => {
    const bold = [...(documents.get('README.md') ?? '').matchAll(/^- \*\*(.+?)\.\*\*/gm)].map(([, words = '']) => words)
    assert.ok(bold.length > 0)
    for (const words of bold) assert.ok(security.includes(`\n### ${words}\n`), `${SECURITY} has no heading "${words}"`)
  })

  test('each MUST that an extension or a foundation lists has a test whose title begins with its clause, one for each that names the same', () => {
    const titles = [...titlesOf(readPages('test', /\.test\.ts$/)).values()].flat()
    assert.deepEqual(untested([...described, ...foundations].flatMap(({ clauses }) => clauses ?? []), titles.map((pattern) => pattern.source)), [])
  })

  test('each extension and each foundation that implements a specification lists what it demands of a server', () => {
    const silent = [
      ...described.filter(({ implements: list, clauses }) => list.length > 0 && clauses === undefined).map(({ name }) => name),
      ...foundations.filter(({ clauses }) => clauses === undefined).map(nameOf),
    ]
    assert.deepEqual(silent, [])
  })

  test('every file that a document names is there', () => {
    const missing = [...documents].flatMap(([document, text]) => filesIn(text)
      .filter((file) => !['', 'src', 'test'].some((folder) => existsSync(join(ROOT, folder, file))))
      .map((file) => `${document} names ${file}`))
    assert.deepEqual(missing, [])
  })

  test(`${SECURITY} can be read in one sitting`, () => {
    assert.ok(security.split('\n').length <= LONGEST)
  })
})

describe('how promises are read', () => {
  const page = '### A\n\n- It holds.\n  Rule: `src/a.ts`. Test: `test/a.test.ts`: "one\n  thing", "another"; `test/b.test.ts`: "x 5".\n- More.\n\nText.\n\n## B\n- no'

  test('a promise is an item below a heading of the third level, and names tests after their file', () => {
    const [first = '', second, third] = promisesOf(page)
    assert.deepEqual([second, third], ['More.', undefined])
    assert.deepEqual(testsOf(first), [
      { file: 'test/a.test.ts', title: 'one thing' }, { file: 'test/a.test.ts', title: 'another' }, { file: 'test/b.test.ts', title: 'x 5' },
    ])
  })

  test('a title that holds values is found by any of them, and by nothing else', () => {
    const [pattern] = titlesOf(new Map([['t', `  test(\`x \${of.some({ a: 1 })} (y)\`, () => {`]])).get('t') ?? []
    assert.deepEqual(['x 5 (y)', 'x  (y)', 'x 5 y', 'ax 5 (y)'].map((title) => pattern?.test(title)), [true, true, false, false])
    assert.deepEqual(titlesOf(new Map([['t', `test('it\\'s one', () => {`]])).get('t')?.map((one) => one.test('it\'s one')), [true])
  })

  test('a clause is tested by titles that begin with it, and as many of them as there are demands', () => {
    const [one, other] = [{ clause: 'XEP-0001 §2', text: 'one' }, { clause: 'XEP-0001 §2', text: 'other' }]
    const titles = (...all: string[]): string[] => all.map((title) => `^${literally(title)}$`)
    assert.deepEqual(untested([one], titles('XEP-0001 §2: it is done', 'x')), [])
    assert.deepEqual(untested([one, other], titles('XEP-0001 §2: it is done', 'XEP-0001 §2.1: more')), ['XEP-0001 §2: other'])
    assert.deepEqual(untested([one], titles('as XEP-0001 §2 wants', 'XEP-0001 §21: else')), ['XEP-0001 §2: one'])
  })

  test('a file is found in text and in drawings; a placeholder is none', () => {
    assert.deepEqual(filesIn('see `src/xep/NNNN-name.ts`, stream/stream.ts ──▶ xml/parser.ts, `test/tornet/` and `main.ts`.'),
      ['test/tornet/', 'stream/stream.ts', 'xml/parser.ts', 'main.ts'])
  })
})

/** The items below headings of the third level, each in one line. */
function promisesOf(page: string): string[] {
  return page.split(/^(?=#)/m).filter((section) => section.startsWith('### '))
    .flatMap((section) => section.split(/^- /m).slice(1))
    .map((item) => item.replace(/\n(?! ).*/s, '').replaceAll(/\s+/g, ' ').trim())
}

function testsOf(promise: string): { file: string, title: string }[] {
  return [...promise.matchAll(/`(test\/[^`]+\.test\.ts)`: ((?:"[^"]+"(?:, )?)+)/g)].flatMap(([, file = '', titles = '']) =>
    [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => ({ file, title })))
}

/**
 * File -> patterns of its tests' titles; what a title computes matches anything. Its own quotes a document writes as '. Where a
 * title is `title` or `what`, it is the first of a row of a table, or is called so there.
 */
function titlesOf(tests: Pages): Map<string, RegExp[]> {
  return new Map([...tests].map(([file, text]) => [file, [
    ...text.matchAll(/\btest\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g),
    ...(/\btest\((?:`\$\{)?(?:title|what)\b/.test(text) ? text.matchAll(/(?:\[|\btitle: )(?:'((?:RFC|XEP)[^'\\]*)'|`((?:RFC|XEP)[^`\\]*)`)/g) : []),
  ].map(([, plain, computed = '']) => {
    const words = plain === undefined ? computed.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/) : [plain]
    return new RegExp(`^${words.map((word) => literally(word.replaceAll(/\\(.)/g, '$1').replaceAll('"', '\''))).join('.*')}$`)
  })]))
}

/** The demands that no title is left for; `titles` are sources of patterns. */
function untested(clauses: readonly Clause[], titles: readonly string[]): string[] {
  return clauses.flatMap(({ clause, text }, index) => {
    const before = clauses.slice(0, index).filter((one) => one.clause === clause).length
    const begins = new RegExp(`^\\^${literally(literally(clause))}(?![\\w.\\\\])`)
    return titles.filter((title) => begins.test(title)).length > before ? [] : [`${clause}: ${text}`]
  })
}

/** A pattern that matches exactly this text. */
function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

/** Files and folders of the repository that a text names: by their whole path, or from src/ or test/ on. */
function filesIn(text: string): string[] {
  const whole = [...text.matchAll(/(?<![\w/.-])(?:src|test|docs|config|torrc\.d|\.ci)\/[\w./-]*[\w/]/g)]
  const sources = [...text.matchAll(/(?<![\w/.-])(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|mjs)\b/g)]
  return [...new Set([...whole, ...sources].map(([path]) => path))].filter((path) => !path.includes('NNNN'))
}
