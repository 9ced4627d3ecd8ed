import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { AUDIT_MUTANTS } from './audit-mutants.ts'
import { CONTENT_MUTANTS } from './content-mutants.ts'
import { OTR_MUTANTS } from './otr-mutants.ts'
import { PEP_MUTANTS } from './pep-mutants.ts'
import { POLICY_MUTANTS } from './policy-mutants.ts'
import { TRUST_MUTANTS } from './trust-mutants.ts'
import { VERSION_4_MUTANTS } from './version4-mutants.ts'
import { placesOf, ROOT, sourceOf, Workbench } from './workbench.ts'

/** Mutants tried at the same time. */
const CONCURRENCY = 2

const MUTANTS = [...OTR_MUTANTS, ...VERSION_4_MUTANTS, ...AUDIT_MUTANTS, ...POLICY_MUTANTS, ...CONTENT_MUTANTS, ...PEP_MUTANTS, ...TRUST_MUTANTS]
const benches = Array.from({ length: CONCURRENCY }, () => new Workbench([...new Set(MUTANTS.map(({ file }) => file))]))
after(() => {
  for (const bench of benches) bench.remove()
})

async function withBench<Result>(work: (bench: Workbench) => Promise<Result>): Promise<Result> {
  const bench = benches.pop()
  assert.ok(bench, 'each of those tried at the same time has a bench')
  try {
    return await work(bench)
  } finally {
    benches.push(bench)
  }
}

describe('with no check switched off, the tests pass', { concurrency: CONCURRENCY }, () => {
  for (const file of new Set(MUTANTS.flatMap(({ tests }) => tests))) {
    test(file, async () => assert.deepEqual(await withBench((bench) => bench.run(file)), { outcome: 'survived' }))
  }
})

describe('with one check switched off, a test fails', { concurrency: CONCURRENCY }, () => {
  const killed: string[] = []
  after(() => console.log(killed.join('\n')))

  for (const mutant of MUTANTS) {
    const title = `${mutant.file}: ${mutant.check}`
    test(title, async () => {
      const outcome = await withBench((bench) => bench.try(mutant))
      if (outcome.outcome === 'killed') killed.push(`${title.padEnd(100)} ${outcome.title}`)
      else assert.fail(outcome.outcome === 'survived' ? `no test of ${mutant.tests.join(', ')} fails` : outcome.reason)
    })
  }
})

/** Where a reason to refuse stands: malformed('…'), return '…', … ? '…' : undefined, undefined : '…', reason: '…'. */
const REASON = /malformed\('|return '|\? '(?=[a-z][^']*' : undefined)|undefined : '|reason: '/g
/** The type system wants these; no message comes there, as its type follows from its version. */
const UNREACHABLE = /^default: return 'type'/
/** A bound or a pattern, by how it is named. */
const BOUND = /^(?:export )?const ((?:MOST|LEAST|LONGEST)_\w+|\w+_MILLISECONDS|[A-Z0-9_]+(?= = \/)).*/gm

describe('of each file that judges, each reason to refuse, each bound and each pattern has its mutant', () => {
  const files = ['src/otr', 'src/policy'].flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`))
  for (const file of [...files, 'src/pep/avatar.ts', 'src/pep/node-kinds.ts', 'src/xmpp/shapes.ts']) {
    test(file, () => {
      const source = sourceOf(file)
      const ranges = MUTANTS.filter((mutant) => mutant.file === file).map(({ find }) => [source.indexOf(find), find.length] as const)
      const isTouched = (at: number, text: string): boolean => ranges.some(([from, length]) => from < at + text.length && at < from + length)
      const isUseTouched = (name: string): boolean =>
        [...source.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].some(({ index, 0: use }) => isTouched(index, use))
      const reasons = [...source.matchAll(REASON)].filter(({ index, 0: start }) => !isTouched(index + start.length, ' '))
      const bounds = [...source.matchAll(BOUND)].filter(({ index, 0: line, 1: name = '' }) => !isTouched(index, line) && !isUseTouched(name))
      const lineOf = (at: number): string => source.slice(source.lastIndexOf('\n', at) + 1, source.indexOf('\n', at)).trim()
      const untouched = [...reasons, ...bounds].map(({ index }) => lineOf(index)).filter((line) => !UNREACHABLE.test(line))
      assert.deepEqual(untouched, [], 'lines that no mutant in test/mutants/ changes')
    })
  }
})

test('each mutant changes its file in one place', () => {
  const stale = MUTANTS.map((mutant) => placesOf(mutant) === 1 ? '' : `${mutant.file}: ${mutant.check}`).filter((line) => line !== '')
  assert.deepEqual(stale, [], 'these texts are not, or not only once, in their files')
})
