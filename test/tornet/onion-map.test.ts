import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_STANZA_ERRORS } from '../../src/xmpp/namespaces.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { Certificates, type CertificateKind } from '../interop/certificates.ts'
import { withoutTor } from '../tor/installed.ts'
import { circuitsTo } from './circuits.ts'
import { joinNetwork, type JoinedNetwork } from './joined.ts'
import { Node, PATIENCE_MILLISECONDS } from './node.ts'

const CAPULET = 'capulet.example'
const VERONA = 'verona.example'
const PASSWORD = 'wherefore art thou'
/** In shape what passes: a query of OTR. */
const QUERY = '?OTRv23?'
const BETWEEN_TRIES_MILLISECONDS = 300

/** Juliet is at a domain with a DNS name that links its onion; Romeo is at an onion, and his operator knows hers. */
describe('s2s.onion_map: a domain of others is called at its onion', { skip: withoutTor }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-map-'))
  let network: JoinedNetwork
  let certificates: Certificates
  let capulet: Node
  let mantua: Node

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    const { clientTorrc } = network
    certificates = await Certificates.in(folder)
    await certificates.issue(CAPULET, 'valid')
    const { certificate, key } = certificates.files(CAPULET)
    capulet = await Node.start({
      clientTorrc, name: 'juliet', domain: CAPULET, onion: false,
      domainLines: ['onion_service = true', `certificate = "${certificate}"`, `key = "${key}"`, 'federation = "tor"'],
    })
    mantua = await Node.start({
      clientTorrc, name: 'romeo', tables: `
[[domains]]
name = "${VERONA}"
federation = "tor"

[[listeners]]
kind = "c2s"
port = 0
domains = ["${VERONA}"]

[s2s]
authorities = "${certificates.authority}"
onion_map = { "${CAPULET}" = "${capulet.onion}" }
`,
    })
  }, { timeout: 300_000 })

  after(async () => {
    await capulet?.stop()
    await mantua?.stop()
    await network?.leave()
    rmSync(folder, { recursive: true, force: true })
  }, { timeout: 60_000 })

  /** Juliet's server begins anew, with that certificate, and with no stream to anybody. */
  async function restartCapulet(shown: CertificateKind): Promise<void> {
    await certificates.issue(CAPULET, shown)
    await capulet.server.kill()
    await capulet.client.stream.ended
    await capulet.server.run()
    await capulet.login()
    await capulet.server.onionAddress()
  }

  /** Says it until it has arrived: a server that was not reached is left alone for a while. */
  async function says(from: Node, to: Node, id: string): Promise<Element> {
    const arrives = to.client.stream.next(({ name, attrs }) => name === 'message' && `${attrs['id']}`.startsWith(id), `${id} at ${to.jid}`, PATIENCE_MILLISECONDS)
    let arrived = false
    arrives.then(() => { arrived = true }, () => { arrived = true })
    for (let count = 0; !arrived; count += 1) {
      from.client.message(to.jid, QUERY, { id: `${id}-${count}` })
      const refused = from.client.stream.next(({ attrs }) => attrs['id'] === `${id}-${count}` && attrs['type'] === 'error', 'the refusal', PATIENCE_MILLISECONDS)
      await Promise.race([arrives.catch(() => {}), refused.then(() => passed(BETWEEN_TRIES_MILLISECONDS), () => {})])
    }
    return await arrives
  }

  async function refusal(client: XmppClient, to: string, id: string): Promise<string | undefined> {
    client.message(to, QUERY, { id })
    const refused = await client.stream.next(({ attrs }) => attrs['id'] === id && attrs['type'] === 'error', 'the refusal', PATIENCE_MILLISECONDS)
    return refused.child('error', NS_CLIENT)?.elements().find(({ namespace }) => namespace === NS_STANZA_ERRORS)?.name
  }

  for (const first of ['the caller of the onion', 'the domain that is mapped'] as const) {
    test(`messages go both ways, the answer to the onion by its name, where ${first} begins`, { timeout: 240_000 }, async () => {
      // None by which clients are known: authorities give out no others any more.
      await restartCapulet('servers-alone')
      const before = [capulet.server.log.length, mantua.server.log.length] as const
      const [one, other] = first === 'the caller of the onion' ? [mantua, capulet] as const : [capulet, mantua] as const
      const said = await says(one, other, 'question')
      assert.deepEqual([said.attrs['from'], said.childContent('body', NS_CLIENT)], [`${one.jid}/x`, QUERY])
      const answered = await says(other, one, 'answer')
      assert.equal(answered.attrs['from'], `${other.jid}/x`)
      // Whoever began has proved itself to the other by dialback, over Tor: at its onion, or where it is mapped to.
      const [theirs, ours] = [capulet.server.log.slice(before[0]), mantua.server.log.slice(before[1])]
      assert.match(one === mantua ? theirs : ours, /"condition":"dialback".*"event":"s2s.proved-them"/)
      const [called] = await circuitsTo(mantua.onion, join(capulet.server.directory, 'run'))
      assert.ok(called !== undefined, 'Romeo\'s onion was asked')
    })
  }

  const wrong: readonly (readonly [CertificateKind, string, RegExp])[] = [
    ['unknown-authority', 'by an authority that nobody here believes', /"condition":"untrusted"/],
    ['other-name', 'for another name', /"condition":"other-name"/],
  ]
  for (const [shown, what, logged] of wrong) {
    test(`that it answers at the onion is no proof: with a certificate ${what} nothing passes, whoever begins`, { timeout: 240_000 }, async () => {
      await restartCapulet(shown)
      const before = mantua.server.log.length
      assert.equal(await refusal(mantua.client, capulet.jid, 'to-the-wrong-one'), 'remote-server-timeout')
      assert.equal(await refusal(capulet.client, mantua.jid, 'from-the-wrong-one'), 'remote-server-timeout')
      assert.match(mantua.server.log.slice(before), logged)
    })
  }

  test('two pairs of domains use two circuits to one onion, as the control port tells', { timeout: 240_000 }, async () => {
    await restartCapulet('valid')
    await says(mantua, capulet, 'first')
    const circuits = () => circuitsTo(capulet.onion, join(mantua.server.directory, 'run'))
    // Those of the tests before may still be there, without a stream.
    const earlier = await circuits()
    const open = earlier.filter(({ streams }) => streams.includes(`${capulet.onion}:5269`))
    assert.equal(open.length, 1)
    await mantua.server.addAccount(`nurse@${VERONA}`, PASSWORD)
    const nurse = await XmppClient.login({ jid: `nurse@${VERONA}`, password: PASSWORD, route: { host: '127.0.0.1', port: secondPort(mantua) }, security: 'starttls' })
    // Capulet knows no way to Verona, and does not hear it. What counts here is how it was called.
    assert.ok(await refusal(nurse, capulet.jid, 'second'))
    nurse.cut()
    const later = await circuits()
    const added = later.filter(({ id }) => !earlier.some((known) => known.id === id))
    assert.ok(added.length > 0, 'the second pair has a circuit of its own')
    assert.ok(added.every(({ isolation }) => isolation !== '' && !earlier.some((known) => known.isolation === isolation)))
    // The second stream may not have ended yet; the first is where it was, alone.
    assert.deepEqual(later.find(({ id }) => id === open[0]?.id), open[0])
  })
})

/** Of the listener that took a free port. */
function secondPort({ server: { output, port } }: Node): number {
  const ports = [...output.matchAll(/Listening on 127\.0\.0\.1:(\d+)/g)].map(([, found]) => Number(found))
  return ports.find((found) => found !== port) ?? 0
}
