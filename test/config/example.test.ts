import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'smol-toml'
import { loadConfig } from '../../src/config/load.ts'
import { configSchema, describeKey, type KeyDescription } from '../../src/config/schema.ts'

const ROOT = dirname(dirname(dirname(import.meta.dirname)))
const FILE = join(ROOT, 'config', 'sotto.example.toml')
const TEXT = readFileSync(FILE, 'utf8')
/** Keys and headers open with '#' and no space, prose with '# '. */
const UNCOMMENTED = TEXT.replace(/^#(?=[[a-z])/gm, '')

/** 'limits.stanza' and so on; an item of a list stands for all. */
function schemaKeys(description: KeyDescription | undefined, path = ''): string[] {
  if (description?.keys === undefined) return [path]
  return Object.entries(description.keys).flatMap(([key, inner]) => schemaKeys(inner, path === '' ? key : `${path}.${key}`))
}

function fileKeys(value: unknown, path = ''): string[] {
  const table: unknown = Array.isArray(value) && typeof value[0] === 'object' ? value[0] : value
  if (typeof table !== 'object' || table === null || Array.isArray(table) || Object.keys(table).length === 0) return [path]
  return Object.entries(table).flatMap(([key, inner]) => fileKeys(inner, path === '' ? key : `${path}.${key}`))
}

describe('config/sotto.example.toml', () => {
  test('as it stands it changes nothing', () => {
    assert.deepEqual(Object.keys(parse(TEXT)), [])
    assert.deepEqual(loadConfig(FILE, { cwd: ROOT }), loadConfig(undefined, { cwd: join(ROOT, 'config') }))
  })

  test('uncommented it holds every key of the schema, and no other', () => {
    assert.deepEqual(fileKeys(parse(UNCOMMENTED)).sort(), schemaKeys(describeKey([])).sort())
  })

  test('uncommented it says the defaults', () => {
    // By default there are no copies and no components; the tables stand there for what their keys are without being written.
    const copies = [{ kind: 'directory' }]
    const components = [{ name: 'gate.example.org', secret_file: '' }]
    assert.deepEqual(configSchema.parse(parse(UNCOMMENTED)), configSchema.parse({ backup: { copies }, components }))
  })

  test('every key has a comment above it', () => {
    const lines = TEXT.split('\n')
    const bare = lines.filter((line, index) => /^#[a-z]/.test(line) && !/^# [^ ]/.test(lines[index - 1] ?? ''))
    assert.deepEqual(bare, [])
  })

  test('a range in a comment is the range of the schema', () => {
    const ranges = [...TEXT.matchAll(/, (\d+ to \d+)[^\n]*(?:\n# [^\n]*)*\n#(\w+) = \d/g)]
    assert.ok(ranges.length >= 10)
    for (const [, range = '', key = ''] of ranges) {
      const [least = '', most = ''] = range.split(' to ')
      const section = schemaKeys(describeKey([])).find((one) => one.endsWith(`.${key}`))?.split('.')[0] ?? ''
      const value = (number: number): unknown => (
        section === 'listeners' ? { listeners: [{ kind: 'c2s', port: 1, [key]: number }] } : { [section]: { [key]: number } })
      for (const [number, right] of [[Number(least), true], [Number(most), true], [Number(least) - 1, false], [Number(most) + 1, false]] as const) {
        assert.equal(configSchema.safeParse(value(number)).success, right, `${section}.${key} = ${number}`)
      }
    }
  })
})
