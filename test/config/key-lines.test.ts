import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyLines } from '../../src/config/key-lines.ts'

test('the line of a key is that of its definition, or of the nearest key above it', () => {
  const lines = new KeyLines([
    'log.level = "error"', // 1
    '[limits]', // 2
    '  depth = 3', // 3
    '[[domains]]', // 4
    'name = "a"', // 5
    '[[domains]] # the second', // 6
    '# name = "no"', // 7
    'name = "b"', // 8
    'inline = { key = "x" }', // 9
    'list = [', // 10
    '  "a", "b"', // 11
    ']', // 12
  ].join('\n'))
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['log.level', 1], ['limits', 2], ['limits.depth', 3], ['limits.other', 2], ['domains[0]', 4], ['domains[0].name', 5],
    ['domains[1].name', 8], ['domains[1].other', 6], ['domains[1].inline.key', 9], ['domains[1].list[1]', 10],
    ['domains[2]', undefined], ['absent', undefined], ['', undefined],
  ]
  for (const [key, line] of cases) assert.equal(lines.of(key), line, key)
})
