import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { describe, test } from 'node:test'

/** Path from the repository's root -> text. */
type Tree = ReadonlyMap<string, string>
type Law = (tree: Tree) => string[]

/** A file imports from its own room and from lower floors only: never upward, never sideways. */
const FLOORS: ReadonlyMap<string, number> = new Map(Object.entries({
  'main.ts': 8, 'server.ts': 8, 'doors.ts': 8, 'house.ts': 8, 'extensions.ts': 8, 'specifications.ts': 8, 'core-clauses.ts': 8,
  xep: 7, policy: 7, web: 7, operate: 7,
  c2s: 6, s2s: 6, component: 6, im: 6, pep: 6, backup: 6, registration: 6,
  routing: 5,
  stream: 4,
  auth: 3,
  config: 2, store: 2, net: 2, tor: 2,
  xmpp: 1, otr: 1,
  xml: 0, 'log.ts': 0, 'lifetime.ts': 0, 'clock.ts': 0, 'whole-file.ts': 0,
}))
const LONGEST_FILE = 300
const LONGEST_README = 200
const NAMES_THAT_SAY_NOTHING = /^(utils?|helpers?|common|misc|shared|index|.*managers?)$/i
/** The installer and the demonstration are no part of the server. */
const OUTSIDE = /^src\/(install|demo)([./-]|$)/

const floors: Law = (tree) => sources(tree).flatMap(([file, text]) => {
  const floor = FLOORS.get(roomOf(file))
  if (floor === undefined) return [`${file} lies on no floor`]
  return importsOf(file, text).flatMap((target) => {
    if (!tree.has(target)) return [`${file} imports ${target}, which is not there`]
    const below = FLOORS.get(roomOf(target))
    if (below === undefined || roomOf(target) === roomOf(file) || below < floor) return []
    // The files of the roof are one room.
    if (floor === 8 && below === 8) return []
    return [`${file} imports ${below > floor ? 'upward' : 'sideways'}: ${target}`]
  })
})

const cycles: Law = (tree) => {
  const imports = new Map(sources(tree).map(([file, text]) => [file, importsOf(file, text)]))
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, way: readonly string[]): void => {
    const start = way.indexOf(file)
    if (start >= 0) found.push(`${[...way.slice(start), file].join(' -> ')} is a cycle`)
    if (start >= 0 || done.has(file)) return
    for (const target of imports.get(file) ?? []) visit(target, [...way, file])
    done.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
  return found
}

const lengths: Law = (tree) => [
  ...sources(tree).filter(([, text]) => linesOf(text) > LONGEST_FILE)
    .map(([file, text]) => `${file} has ${linesOf(text)} lines, more than ${LONGEST_FILE}: look for the second noun`),
  ...[...tree].filter(([file, text]) => file === 'README.md' && linesOf(text) > LONGEST_README)
    .map(([file, text]) => `${file} has ${linesOf(text)} lines, more than ${LONGEST_README}`),
]

const names: Law = (tree) => sources(tree).flatMap(([file]) => {
  const words = file.replace(/(\.d)?\.ts$/, '').split('/').slice(1)
  return [
    ...words.filter((word) => NAMES_THAT_SAY_NOTHING.test(word)).map((word) => `${file} is called "${word}", which says nothing`),
    ...words.filter((word) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(word)).map((word) => `${file}: "${word}" is not lower-case with hyphens`),
  ]
})

const extensions: Law = (tree) => {
  const list = tree.get('src/extensions.ts')
  return sources(tree).filter(([file]) => roomOf(file) === 'xep').flatMap(([file]) => {
    const name = posix.basename(file, '.ts')
    if (!/^\d{4}-/.test(name)) return [`${file} does not open with the number of its XEP`]
    return [
      // Before the switchboard is built, no extension can be missing in it.
      ...(list === undefined || list.includes(`'./xep/${name}.ts'`) ? [] : [`${file} has no line in src/extensions.ts`]),
      ...(tree.has(`test/xep/${name}.test.ts`) ? [] : [`${file} has no test/xep/${name}.test.ts`]),
    ]
  })
}

/** State belongs to an object with an owner; a module lives as long as the process and belongs to nobody. */
const moduleState: Law = (tree) => sources(tree).flatMap(([file, text]) => text.split('\n').flatMap((line, index) => {
  const at = `${file}:${index + 1}`
  if (/^(export )?(let|var)\s/.test(line)) return [`${at} is a variable of the module`]
  const made = /^(?:export )?const \w+(?::\s*(.*?))?\s*= new (?:Weak)?(?:Map|Set)\b/.exec(line)
  return made === null || /^Readonly(Map|Set)\b/.test(made[1] ?? '') ? [] : [`${at} is mutable state of the module`]
}))

const exported: Law = (tree) => sources(tree).flatMap(([file, text]) => [
  ...(/^export default\b/m.test(text) ? [`${file} has a default export`] : []),
  ...(/^export (\*|(type )?\{[^}]*\}) from /m.test(text) ? [`${file} exports what another file owns`] : []),
])

const links: Law = (tree) => [...tree].filter(([file]) => file.endsWith('.md')).flatMap(([file, text]) => {
  const prose = text.replace(/^(```|~~~)[^]*?^\1/gm, '').replace(/`[^`\n]*`/g, '')
  return [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].flatMap(([, link = '']) => {
    const [path = ''] = link.split('#')
    if (path === '' || /^[a-z][a-z0-9+.-]*:/i.test(path)) return []
    const target = posix.join(posix.dirname(file), path).replace(/\/$/, '')
    return [...tree.keys()].some((one) => one === target || one.startsWith(`${target}/`)) ? [] : [`${file} links to ${path}, which is not there`]
  })
})

/** What others wrote is known in as few places as can be, and docs/dependencies.md knows them all. */
const dependencies: Law = (tree) => {
  const { dependencies: declared = {} } = JSON.parse(tree.get('package.json') ?? '{}') as { dependencies?: Record<string, string> }
  const rows = packageRows(tree.get('docs/dependencies.md') ?? '')
  const imports = sources(tree).flatMap(([file, text]) => packagesOf(text).map((name) => [name, file] as const))
  return [
    ...Object.keys(declared).filter((name) => !rows.some(([row]) => row === name)).map((name) => `${name} has no row in docs/dependencies.md`),
    ...rows.flatMap(([name, files]) => Object.hasOwn(declared, name)
      ? files.filter((file) => !imports.some(([one, at]) => one === name && at === file)).map((file) => `${file} does not import ${name}, as docs/dependencies.md says`)
      : [`docs/dependencies.md has a row for ${name}, which is no dependency`]),
    ...imports.filter(([name, file]) => !rows.some(([row, files]) => row === name && files.includes(file)))
      .map(([name, file]) => `${file} imports ${name}, and docs/dependencies.md does not say so`),
  ]
}

const LAWS: readonly Law[] = [floors, cycles, lengths, names, extensions, moduleState, exported, links, dependencies]

function sources(tree: Tree): (readonly [string, string])[] {
  return [...tree].filter(([file]) => file.startsWith('src/') && file.endsWith('.ts') && !OUTSIDE.test(file))
}

/** The room of 'src/tor/control.ts' is 'tor'; a file directly in src/ is its own. */
function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}

/** Paths of the relative imports, of types as well: whoever needs another's type knows it. */
function importsOf(file: string, text: string): string[] {
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']*)'/g)]
    .map(([, target = '']) => posix.join(posix.dirname(file), target))
}

/** Names of the packages that a file imports; what Node brings is none. */
function packagesOf(text: string): string[] {
  return [...new Set([...text.matchAll(/(?:\bfrom |\bimport\b\s*\(?\s*)'((?:@[\w.-]+\/)?[\w-][\w.-]*)(?:\/[^']*)?'/g)].map(([, name = '']) => name))]
}

/** The table's rows: each package of the first cell with the files in the last one. */
function packageRows(page: string): [name: string, files: string[]][] {
  return page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (Package|---) /.test(line)).flatMap((line) => {
    const cells = line.split('|').slice(1, -1)
    const files = [...(cells.at(-1) ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file)
    return (cells[0] ?? '').split(',').map((name): [string, string[]] => [name.trim(), files])
  })
}

function linesOf(text: string): number {
  return text.replace(/\n$/, '').split('\n').length
}

function judge(tree: Tree): string[] {
  return LAWS.flatMap((law) => law(tree))
}

/** All files of the repository but what is installed, built or data; only text that a law reads is read. */
function readTree(root: string, folder = ''): Map<string, string> {
  const tree = new Map<string, string>()
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name)
    if (['.git', 'node_modules', 'dist', 'data'].includes(entry.name)) continue
    if (entry.isDirectory()) for (const [file, text] of readTree(root, path)) tree.set(file, text)
    else tree.set(path, /(\.(ts|md)|^package\.json)$/.test(path) ? readFileSync(join(root, path), 'utf8') : '')
  }
  return tree
}

const DEPENDENCIES = '| Package | Named in |\n| --- | --- |\n| package | `src/xep/0199-ping.ts` |\n'

describe('the shape of the house', () => {
  const root = dirname(dirname(import.meta.dirname))

  test('every file keeps every law', () => {
    const tree = readTree(root)
    assert.ok(sources(tree).length > 10, 'the sources were found')
    assert.deepEqual(judge(tree), [])
  })

  const sound: readonly (readonly [string, string])[] = [
    ['README.md', 'See [the docs](docs/a.md#part), [the web](https://example.org/) and ![a folder](docs/).\n'],
    ['docs/a.md', '[back](../README.md)\n```\n[not a link](nowhere.md)\n```\n'],
    ['src/extensions.ts', `import { ping } from './xep/0199-ping.ts'\nexport const extensions = [ping]\n`],
    ['src/xep/0199-ping.ts', `import type { Extension } from '../routing/extension.ts'\nimport { a } from 'package'\n`],
    ['src/routing/extension.ts', `export const NONE: ReadonlyMap<string, number> = new Map()\n  let inner = 1\n`],
    ['src/tor/control.ts', `import { b } from './process.ts'\nimport '../log.ts'\n`],
    ['src/tor/process.ts', ''],
    ['src/net/dial.ts', ''],
    ['src/log.ts', ''],
    ['src/install.mjs', ''],
    ['package.json', '{ "dependencies": { "package": "1.0.0" } }'],
    ['docs/dependencies.md', DEPENDENCIES],
    ['test/xep/0199-ping.test.ts', ''],
  ]

  test('a made-up house that keeps the laws is let stand', () => {
    assert.deepEqual(judge(new Map(sound)), [])
  })

  const broken: readonly (readonly [string, string, string, string])[] = [
    ['a file on no floor', 'src/attic/box.ts', '', 'src/attic/box.ts lies on no floor'],
    ['a file loose in src/', 'src/box.ts', '', 'src/box.ts lies on no floor'],
    ['an import upward', 'src/tor/process.ts', `import { x } from '../routing/extension.ts'`,
      'src/tor/process.ts imports upward: src/routing/extension.ts'],
    ['an import upward of a type only', 'src/tor/process.ts', `import type { X } from '../routing/extension.ts'`,
      'src/tor/process.ts imports upward: src/routing/extension.ts'],
    ['an import sideways', 'src/net/dial.ts', `import { x } from '../tor/process.ts'`,
      'src/net/dial.ts imports sideways: src/tor/process.ts'],
    ['an import sideways by import()', 'src/net/dial.ts', `const x = await import('../tor/process.ts')`,
      'src/net/dial.ts imports sideways: src/tor/process.ts'],
    ['an import of the roof', 'src/tor/process.ts', `import { x } from '../extensions.ts'`,
      'src/tor/process.ts imports upward: src/extensions.ts'],
    ['an import of what is not there', 'src/net/dial.ts', `import { x } from './gone.ts'`,
      'src/net/dial.ts imports src/net/gone.ts, which is not there'],
    ['a cycle', 'src/tor/process.ts', `import { x } from './control.ts'`,
      'src/tor/control.ts -> src/tor/process.ts -> src/tor/control.ts is a cycle'],
    ['a file too long', 'src/net/dial.ts', 'x\n'.repeat(301), 'src/net/dial.ts has 301 lines, more than 300: look for the second noun'],
    ['a README too long', 'README.md', 'x\n'.repeat(201), 'README.md has 201 lines, more than 200'],
    ['a file called utils', 'src/net/utils.ts', '', 'src/net/utils.ts is called "utils", which says nothing'],
    ['a file called a manager', 'src/net/dial-manager.ts', '', 'src/net/dial-manager.ts is called "dial-manager", which says nothing'],
    ['a barrel', 'src/net/index.ts', '', 'src/net/index.ts is called "index", which says nothing'],
    ['a file in camel case', 'src/net/dialOut.ts', '', 'src/net/dialOut.ts: "dialOut" is not lower-case with hyphens'],
    ['a XEP without its number', 'src/xep/ping.ts', '', 'src/xep/ping.ts does not open with the number of its XEP'],
    ['a XEP that is switched nowhere', 'src/extensions.ts', '', 'src/xep/0199-ping.ts has no line in src/extensions.ts'],
    ['a XEP without its test', 'test/xep/0199-ping.test.ts', 'GONE', 'src/xep/0199-ping.ts has no test/xep/0199-ping.test.ts'],
    ['a module-level let', 'src/net/dial.ts', '\nlet count = 0', 'src/net/dial.ts:2 is a variable of the module'],
    ['a module-level Map', 'src/net/dial.ts', 'const cache = new Map()', 'src/net/dial.ts:1 is mutable state of the module'],
    ['a module-level typed Set', 'src/net/dial.ts', 'export const seen: Set<string> = new Set()',
      'src/net/dial.ts:1 is mutable state of the module'],
    ['a module-level WeakMap', 'src/net/dial.ts', 'const cache = new WeakMap<object, string>()',
      'src/net/dial.ts:1 is mutable state of the module'],
    ['a default export', 'src/net/dial.ts', 'export default 1', 'src/net/dial.ts has a default export'],
    ['an export from elsewhere', 'src/tor/control.ts', `export { x } from './process.ts'`, 'src/tor/control.ts exports what another file owns'],
    ['a row without its package', 'docs/dependencies.md', DEPENDENCIES.replace('| package ', '| parcel, package '),
      'docs/dependencies.md has a row for parcel, which is no dependency'],
    ['a row that names another file', 'docs/dependencies.md', DEPENDENCIES.replace('` |', '`, `src/log.ts` |'),
      'src/log.ts does not import package, as docs/dependencies.md says'],
    ['a package imported elsewhere', 'src/log.ts', `import x from 'package/x.js'\nimport y from 'node:fs'`,
      'src/log.ts imports package, and docs/dependencies.md does not say so'],
    ['a dependency that nothing names', 'package.json', '{ "dependencies": { "package": "1.0.0", "@a/b": "1.0.0" } }',
      '@a/b has no row in docs/dependencies.md'],
    ['a broken link', 'docs/a.md', '[gone](b.md)', 'docs/a.md links to b.md, which is not there'],
  ]

  for (const [what, file, text, finding] of broken) {
    test(`found and named: ${what}`, () => {
      const tree = new Map(sound)
      if (text === 'GONE') tree.delete(file)
      else tree.set(file, text)
      assert.deepEqual(judge(tree), [finding])
    })
  }
})
