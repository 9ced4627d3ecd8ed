import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketClient } from '../clients/web-socket.ts'
import { ask, reach, type Answer, type Way } from './browser.ts'
import { Serving } from './site.ts'

const PASSWORD = 'parting is such sweet sorrow'
const PATHS = ['/', '/register', '/invite/AAAAAAAAAAAAAAAAAAAAAA', '/rules', '/policy', '/style.css', '/colors.css', '/nowhere', '/../']

describe('the pages of capulet.lit and of an onion that nobody may link to it', () => {
  let serving: Serving
  let folder = ''
  let onion: Way
  let https: Way
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-pages-'))
    mkdirSync(join(folder, 'capulet.lit'))
    writeFileSync(join(folder, 'capulet.lit', 'rules.md'), 'In fair Verona.')
    writeFileSync(join(folder, 'capulet.lit', 'about.md'), 'Two households.')
    writeFileSync(join(folder, 'capulet.lit', 'colors.css'), ':root { --accent: #a02; }')
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
origins = ["https://chat.verona.lit"]
registration = "open"
[[domains]]
name = "onion"
registration = "open"
[[listeners]]
kind = "https"
port = 0
[[listeners]]
kind = "c2s"
port = 0
address = "0.0.0.0"
[web]
pages = "${folder}"
`, { 'juliet@capulet.lit': PASSWORD, 'juliet@onion': PASSWORD })
    onion = serving.onion(0, 'onion')
    https = serving.https('capulet.lit')
  })
  after(async () => {
    await serving.stop()
    rmSync(folder, { recursive: true })
  })

  /** Of all that a visitor can get: every page, every refusal, and every way in which a form comes back. */
  const everything = async (way: Way, foreign: string): Promise<readonly Answer[]> => {
    const filled = await serving.filled(way, 'romeo', PASSWORD)
    return [
      ...await Promise.all(PATHS.map((path) => ask(way, path))),
      await ask(way, '/register', { ...filled, token: 'x' }),
      await ask(way, '/register', { ...filled, name: 'juliet' }),
      await ask(way, '/register', { ...filled, answer: 'no' }),
      await ask(way, '/invite/AAAAAAAAAAAAAAAAAAAAAA', filled),
      await ask({ ...way, host: foreign }, '/'),
      await ask({ ...way, host: 'verona.lit' }, '/'),
    ]
  }

  test('no byte of a page or header of the one names the other, or shows what its operator wrote there', async () => {
    for (const { raw } of await everything(onion, 'capulet.lit')) assert.doesNotMatch(raw, /capulet|Verona|households|#a02|5222 with|127\.0\.0\.1:|0\.0\.0\.0|https:/i)
    for (const { raw } of await everything(https, onion.host)) {
      assert.ok(!raw.includes(onion.host.slice(0, 16)), raw)
      assert.doesNotMatch(raw, /[a-z2-7]\.onion|Onion-Location/i)
    }
  })

  test('the name of the other is refused as any name is', async () => {
    for (const [way, foreign] of [[onion, 'capulet.lit'], [https, onion.host]] as const) {
      assert.equal((await ask({ ...way, host: foreign }, '/')).raw, (await ask({ ...way, host: 'verona.lit' }, '/')).raw)
    }
  })

  test('a form of the one is worth nothing at the other', async () => {
    assert.equal((await ask(onion, '/register', await serving.filled(https, 'tybalt', PASSWORD))).status, 403)
  })

  test('a name that is taken at the one is free at the other', async () => {
    const make = async (way: Way): Promise<number> => (await ask(way, '/register', await serving.filled(way, 'paris', PASSWORD))).status
    assert.equal(await make(https), 200)
    assert.equal(await make(onion), 200)
    assert.equal(await make(https), 422)
  })

  test('by WebSocket the domain of the other is refused as any is, and who may connect to the one may not to the other', async () => {
    for (const [way, own, foreign] of [[onion, onion.host, 'capulet.lit'], [https, 'capulet.lit', onion.host]] as const) {
      const refusal = async (domain: string): Promise<string> => {
        const client = await WebSocketClient.open(await reach(way), way.host)
        return (await client.openStream(domain).rest()).join('\n').replace(/ id='[^']*'/, '')
      }
      assert.equal(await refusal(foreign), await refusal('verona.lit'))
      assert.match(await refusal(foreign), /<host-unknown /)
      const client = await WebSocketClient.open(await reach(way), way.host)
      await client.login(own, 'juliet', PASSWORD, 'balcony')
      assert.ok(!client.heard.some((message) => message.includes(foreign)))
      client.destroy()
    }
    const with_ = async (way: Way, origin: string): Promise<WebSocketClient> => WebSocketClient.open(await reach(way), way.host, origin)
    ;(await with_(https, 'https://chat.verona.lit')).destroy()
    await assert.rejects(with_(onion, 'https://chat.verona.lit'), /403/)
    await assert.rejects(with_(onion, `https://${https.host}`), /403/)
    await assert.rejects(with_(https, `http://${onion.host}`), /403/)
  })
})
