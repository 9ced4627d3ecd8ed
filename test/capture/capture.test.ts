import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test, type TestContext } from 'node:test'
import type { Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { temporaryFolder } from '../tor/installed.ts'
import { Capture } from './capture.ts'
import { MONTAGUE, Outside, PASSWORD, PATIENCE_MILLISECONDS } from './outside.ts'

const CAPULET = 'capulet.lit'
/** In shape what passes: a query of OTR. */
const QUERY = '?OTRv23?'
const TIMES = { timeout: 120_000 }

describe('every packet that leaves Juliet\'s server and its tor, from their start to their end', () => {
  let outside: Outside

  before(async () => { outside = await Outside.start() }, { timeout: 300_000 })
  after(() => outside?.stop(), { timeout: 60_000 })

  test('federation = "direct": the machine\'s resolver is asked and the other server called', TIMES, async (t) => {
    const { places } = await watch(t, await capulet('direct'), converse)
    assert.ok(places.includes(`${outside.namespace.resolver} 53`), `to the resolver: ${places}`)
    assert.ok(places.includes(`${outside.namespace.peer} 5269`), `to the other server: ${places}`)
  })

  test('federation = "tor": both talk; none goes to that resolver, to the other server or to anybody but Tor\'s relays', TIMES, async (t) => {
    onlyToRelays(await watch(t, await capulet('tor'), converse))
  })

  test('an onion with s2s.resolvers talks to who is none, by relays alone', TIMES, async (t) => {
    onlyToRelays(await watch(t, { s2s: resolvers() }, converse))
  })

  test('an onion without s2s.resolvers refuses who is no onion and asks nobody, not even by Tor', TIMES, async (t) => {
    const seen = await watch(t, { s2s: [] }, refused)
    onlyToRelays(seen)
    assert.deepEqual(seen.asked, [])
  })

  test('so does one with federation = "refuse"', TIMES, async (t) => {
    const seen = await watch(t, { domainLines: ['federation = "refuse"'], s2s: resolvers() }, refused)
    onlyToRelays(seen)
    assert.deepEqual(seen.asked, [])
  })

  test('where s2s.resolvers are not reached, nobody else is asked', TIMES, async (t) => {
    const seen = await watch(t, { s2s: [`resolvers = ["${outside.namespace.resolver}:1"]`] }, timedOut)
    onlyToRelays(seen)
    assert.deepEqual(seen.asked, [])
  })

  /** Runs Juliet's server in the namespace and the scene once others can reach its onion. */
  async function watch(t: TestContext, { domain, domainLines = [], s2s }: Stage, scene: (juliet: XmppClient) => Promise<void>): Promise<Seen> {
    const { namespace, network, resolver } = outside
    const askedBefore = resolver.asked.length
    const capture = await Capture.start(namespace)
    const server = await ServerProcess.start({
      ...domain === undefined ? {} : { domain }, domainLines, tables: `[s2s]\n${s2s.join('\n')}`,
      clientTorrc: network.clientTorrc, enter: namespace.enter,
    })
    t.after(() => server.stop())
    const onion = await server.onionAddress()
    const account = domain === undefined ? 'juliet' : `juliet@${domain}`
    await server.addAccount(account, PASSWORD)
    const path = join(temporaryFolder(t), 'door')
    await namespace.door(path, server.port)
    const jid = `juliet@${domain ?? onion}/balcony`
    const juliet = await XmppClient.login({ route: { path }, security: 'starttls', jid, password: PASSWORD, patience: PATIENCE_MILLISECONDS })
    await juliet.appear()
    await scene(juliet)
    juliet.cut()
    await server.stop()
    return {
      places: await capture.stop(),
      asked: resolver.asked.slice(askedBefore).filter((question) => question.toLowerCase().includes(MONTAGUE)),
    }
  }

  const capulet = async (policy: string): Promise<Stage> => ({
    domain: CAPULET, domainLines: [`federation = "${policy}"`, ...await outside.certificateLines(CAPULET)], s2s: resolvers(),
  })

  const resolvers = () => [`authorities = "${outside.authorities}"`, `resolvers = ["${outside.namespace.resolver}:53"]`]

  /** Each hears the other. */
  async function converse(juliet: XmppClient): Promise<void> {
    const { romeo } = outside
    juliet.message(`romeo@${MONTAGUE}`, QUERY)
    assert.equal(await romeo.nextBody(juliet.jid), QUERY)
    romeo.message(juliet.jid, QUERY)
    assert.equal(await juliet.nextBody(romeo.jid), QUERY)
  }

  const refused = (juliet: XmppClient) => bounced(juliet, 'remote-server-not-found')
  const timedOut = (juliet: XmppClient) => bounced(juliet, 'remote-server-timeout')

  async function bounced(juliet: XmppClient, condition: string): Promise<void> {
    juliet.message(`romeo@${MONTAGUE}`, QUERY, { id: 'bounced' })
    const isIt = ({ name, attrs }: Element) => name === 'message' && attrs['id'] === 'bounced'
    const bounce = await juliet.stream.next(isIt, 'the bounce')
    assert.equal(bounce.child('error', NS_CLIENT)?.elements()[0]?.name, condition)
  }

  function onlyToRelays({ places }: Seen): void {
    assert.notDeepEqual(places, [], 'its tor was seen')
    assert.deepEqual(places.filter((place) => place.split(' ')[0] !== outside.namespace.relays), [])
  }
})

interface Stage {
  /** None: the onion alone. */
  readonly domain?: string
  readonly domainLines?: readonly string[]
  readonly s2s: readonly string[]
}

interface Seen {
  /** Where packets went; see Capture. */
  readonly places: readonly string[]
  /** What DNS was asked of the other domain, whoever asked. */
  readonly asked: readonly string[]
}
