import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { RawStream, Scenario } from './scenario.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { createOnionKey, loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'

const PASSWORD = 'wherefore art thou'

/** A way in, the domain behind it, and the name that must never come out of it. */
interface Way {
  readonly what: string
  enter(): Promise<RawStream>
  readonly domain: () => string
  readonly secret: () => readonly string[]
  readonly tls: boolean
}

describe('unlinked domains: capulet.lit and an onion in one process', () => {
  let scenario: Scenario
  let onion = ''
  let torrc = ''

  before(async () => {
    // Tor makes no connection at all, but everything of ours is there: its sockets, its certificates, its domains.
    torrc = mkdtempSync(join(tmpdir(), 'sotto-torrc-'))
    writeFileSync(join(torrc, 'torrc'), 'DisableNetwork 1\n')
    scenario = await Scenario.start(`
[[domains]]
name = "capulet.lit"
[[domains]]
name = "onion"
[[listeners]]
kind = "c2s"
port = 0
[[listeners]]
kind = "c2s-tls"
port = 0
[tor]
torrc = "${join(torrc, 'torrc')}"
[s2s]
time_to_connect = "2s"
`, { 'juliet@capulet.lit': PASSWORD, 'juliet@onion': PASSWORD })
    onion = loadOrCreateOnionKey(join(scenario.folder, 'data', 'onion', 'onion')).address
  })
  after(async () => {
    await scenario.stop()
    rmSync(torrc, { recursive: true })
  })

  const onionNames = (): readonly string[] => [onion, onion.slice(0, 16), '.onion']
  const ways: readonly Way[] = [
    { what: 'STARTTLS', enter: () => scenario.raw(0), domain: () => 'capulet.lit', secret: onionNames, tls: false },
    { what: 'direct TLS', enter: () => scenario.raw(1), domain: () => 'capulet.lit', secret: onionNames, tls: true },
    { what: 'the onion', enter: () => scenario.rawOnion(0), domain: () => onion, secret: () => ['capulet'], tls: false },
  ]

  for (const way of ways) {
    const open = async (name = way.domain()): Promise<RawStream> => {
      const stream = await way.enter()
      if (way.tls) await stream.upgrade(name)
      return stream
    }
    const clean = (text: string): void => {
      for (const secret of way.secret()) assert.ok(!text.toLowerCase().includes(secret), `${secret} in: ${text}`)
    }

    test(`${way.what}: nothing that is sent before login names the other domain`, async () => {
      for (const sent of [
        '<', '<a/>', '<!-- -->', ' \n', '</stream:stream>', 'GET / HTTP/1.0\r\n\r\n',
        `<stream:stream version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><x xmlns='urn:x'/>`,
        `<stream:stream to='${way.domain()}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><iq/>`,
        `<stream:stream to='${way.domain()}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`
          + `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='NONE'/><auth/>`,
      ]) {
        const stream = (await open()).send(sent)
        stream.socket.end()
        clean(await stream.rest())
      }
    })

    test(`${way.what}: a stream to the other domain is answered like one to any domain`, async () => {
      const other = way.domain() === onion ? 'capulet.lit' : onion
      const answers: string[] = []
      for (const name of [other, 'verona.lit']) {
        const stream = await open()
        const rest = await stream.open(name).rest()
        clean(rest)
        answers.push(rest.replace(/ id='[^']*'/, ''))
      }
      assert.equal(answers[0], answers[1])
    })

    test(`${way.what}: the certificate names this domain alone`, async () => {
      const stream = way.tls ? await open() : await (await open()).secure(way.domain())
      const { subject, issuer, subjectaltname, raw } = (stream.socket as TLSSocket).getPeerCertificate()
      clean(JSON.stringify({ subject, issuer, subjectaltname }))
      clean(raw.toString('latin1'))
      stream.destroy()
    })

    test(`${way.what}: nothing that a logged-in client is sent names the other domain`, async () => {
      const stream = await open()
      if (way.tls) {
        stream.open(way.domain())
        await stream.expect(/<\/stream:features>/)
      } else {
        await stream.secure(way.domain())
      }
      await stream.authenticate(way.domain(), 'juliet', PASSWORD, 'balcony')
      const queries = [
        `<query xmlns='http://jabber.org/protocol/disco#info'/>`, `<query xmlns='http://jabber.org/protocol/disco#items'/>`,
        `<ping xmlns='urn:xmpp:ping'/>`, `<query xmlns='jabber:iq:version'/>`, `<query xmlns='jabber:iq:roster'/>`,
        `<query xmlns='jabber:iq:register'/>`, `<vCard xmlns='vcard-temp'/>`,
      ]
      for (const [n, query] of queries.entries()) {
        for (const to of ['', ` to='${way.domain()}'`, ` to='juliet@${way.domain()}'`, ` to='verona.lit'`]) {
          stream.send(`<iq type='get' id='q${n}'${to}>${query}</iq>`)
          await stream.expect(new RegExp(`<iq [^>]*id='q${n}'[^>]*(/>|>.*?</iq>)`))
        }
      }
      stream.send('<presence/>').send(`<message to='romeo@${way.domain()}' type='chat' id='m'><body>hello</body></message>`)
      await stream.expect(/<message [^>]*type='error'.*?<\/message>/)
      stream.send('</stream:stream>')
      await stream.rest()
      clean(stream.heard)
    })

    test(`${way.what}: the other domain is a remote domain to those who ask for it`, async () => {
      const other = way.domain() === onion ? 'capulet.lit' : onion
      const stream = await open()
      if (way.tls) {
        stream.open(way.domain())
        await stream.expect(/<\/stream:features>/)
      } else {
        await stream.secure(way.domain())
      }
      await stream.authenticate(way.domain(), 'juliet', PASSWORD, 'garden')
      const answers: string[] = []
      for (const name of [other, other === onion ? onionAddress(createOnionKey().publicKey) : 'verona.lit']) {
        for (const to of [name, `juliet@${name}`]) {
          stream.send(`<iq type='get' id='r' to='${to}'><ping xmlns='urn:xmpp:ping'/></iq>`)
          const [answer] = await stream.expect(/<iq [^>]*id='r'.*?<\/iq>/)
          answers.push(answer.replaceAll(name, 'NAME'))
        }
      }
      assert.deepEqual(answers.slice(0, 2), answers.slice(2))
      stream.destroy()
    })
  }
})
