import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { createLog, type Log } from '../../src/log.ts'
import type { ServedDomain } from '../../src/routing/domains.ts'
import { Texts } from '../../src/web/texts.ts'

describe('the operator\'s texts', () => {
  let folder = ''
  const events: string[] = []
  const log: Log = { ...createLog({ level: 'silent', roster: false }), error: (event, fields) => { events.push(`${event} ${fields?.file ?? ''}`) } }
  let texts: Texts
  const [config] = loadConfig(undefined, { cwd: '/' }).domains
  assert.ok(config)
  const domain: ServedDomain = { name: 'capulet.lit', label: 'capulet.lit', onionAddress: undefined, config }
  const rules = (text: string | Buffer): string | undefined => {
    writeFileSync(join(folder, 'capulet.lit', 'rules.md'), text)
    return texts.page(domain, 'rules.md')?.toString()
  }
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-texts-'))
    mkdirSync(join(folder, 'capulet.lit'))
    texts = new Texts(folder, log)
  })
  after(() => rmSync(folder, { recursive: true }))

  test('without a file there is none, and without a folder neither', () => {
    assert.equal(texts.page(domain, 'about.md'), undefined)
    assert.equal(new Texts('', log).page(domain, 'rules.md'), undefined)
    assert.equal(texts.colors(domain), '')
  })

  test('are read again where they changed', () => {
    assert.match(rules('Be kind.') ?? '', /<p>Be kind\.<\/p>/)
    assert.match(rules('Be kinder.') ?? '', /<p>Be kinder\.<\/p>/)
    rmSync(join(folder, 'capulet.lit', 'rules.md'))
    assert.equal(texts.page(domain, 'rules.md'), undefined)
  })

  test('have paragraphs, lists, emphasis, links and headings, the highest of which stands right below that of the page', () => {
    const html = rules('## One\n\n*two* **three** `four` [five](https://example.org/)\n\n- six\n\n### Seven\n') ?? ''
    for (const part of ['<h2>One</h2>', '<em>two</em>', '<strong>three</strong>', '<code>four</code>', '<a href="https://example.org/">five</a>', '<li>six</li>', '<h3>Seven</h3>']) {
      assert.ok(html.includes(part), `${part} in ${html}`)
    }
  })

  test('no HTML passes, no script, and nothing that a browser would fetch', () => {
    const html = rules(['<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '[a](javascript:alert(1))', '[b](data:text/html,x)', '![c](https://example.org/c.png)',
      '<https://example.org/?"onclick=1>', '[d](https://example.org/"onclick=1)', '`</code><b>`'].join('\n\n')) ?? ''
    assert.doesNotMatch(html, /<(?!\/?(p|a|code|em|strong)\b)/)
    assert.doesNotMatch(html, /href="(javascript|data):/)
    assert.doesNotMatch(html, /<a [^>]*"onclick/)
    assert.match(html, /&lt;script&gt;/)
  })

  test('what is too long or no UTF-8 is left out, and the log says so once', () => {
    events.length = 0
    assert.equal(rules('x'.repeat(65_537)), undefined)
    texts.page(domain, 'rules.md')
    assert.equal(rules(Buffer.of(0x41, 0xff, 0x42)), undefined)
    const file = join(folder, 'capulet.lit', 'rules.md')
    assert.deepEqual(events, [`web.text-refused ${file}`, `web.text-refused ${file}`])
  })
})
