import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { EXIT_CODES } from '../../src/operate/exit-code.ts'

const ROOT = dirname(dirname(dirname(import.meta.dirname)))
const PAGE = readFileSync(join(ROOT, 'docs', 'operating.md'), 'utf8')

/** The text under a heading, up to the next one. */
function section(heading: string): string {
  const [, rest = ''] = PAGE.split(`\n${heading}\n`)
  return rest.split(/\n#+ /)[0] ?? ''
}

describe('docs/operating.md', () => {
  test('lists every exit code with its meaning, and no other', () => {
    const listed = [...section('## Exit codes').matchAll(/^\| (\d+) \| (.+) \|$/gm)]
      .map(([, code, meaning]) => ({ code: Number(code), meaning }))
    assert.deepEqual(listed, Object.values(EXIT_CODES))
  })

  test('lists every log event at warn and above with its level and a remedy, and no other', () => {
    const listed = [...section('### Log events').matchAll(/^\| `(\S+)` \| (\w+) \| .+ \| .+ \|$/gm)]
      .map(([, event = '', level = '']) => `${event} ${level}`)
    const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts')).map((file) => readFileSync(join(ROOT, 'src', file), 'utf8'))
    const written = sources.flatMap((text) => [
      // A bug in the router is logged by one method, under the event of its place.
      ...[...text.matchAll(/\.(error|warn|#bug)\('([a-z0-9]+\.[a-z-]+)'/g)].map(([, call, event]) => `${event} ${call === 'warn' ? 'warn' : 'error'}`),
      ...[...text.matchAll(/sink\.error\([^']*'(roster\.changed)'\)/g)].map(([, event]) => `${event} error`),
    ])
    assert.ok(written.length > 10)
    assert.deepEqual(listed, [...new Set(written)].sort())
  })
})
