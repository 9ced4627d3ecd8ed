import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { EXIT_CODES } from '../../src/operate/exit-code.ts'

test('docs/operating.md lists every exit code with its meaning, and no other', () => {
  const root = dirname(dirname(dirname(import.meta.dirname)))
  const [, section = ''] = readFileSync(join(root, 'docs', 'operating.md'), 'utf8').split('\n## Exit codes\n')
  const [table = ''] = section.split('\n## ')
  const listed = [...table.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, code, meaning]) => ({ code: Number(code), meaning }))
  assert.deepEqual(listed, Object.values(EXIT_CODES))
})
