import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { client, xml, type Client, type Element } from '@xmpp/client'
import { WebSocket } from 'ws'

/**
 * A session with @xmpp/client, told step by step in lines of JSON. Called with the service, and with the account's domain;
 * name and password come by stdin. Whom it trusts is said by NODE_EXTRA_CA_CERTS.
 */
// Node has had a WebSocket of its own since 22 alone; the library takes it as browsers have it.
Object.assign(globalThis, { WebSocket: globalThis.WebSocket ?? WebSocket })

const [service = '', domain = ''] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const username = String((await lines.next()).value)
const password = String((await lines.next()).value)

const xmpp = client({ service, domain, username, password, resource: 'balcony' })
const sent: Element[] = []
xmpp.on('send', (element: Element) => { sent.push(element) })
xmpp.on('error', (error: Error) => { tell({ error: error.message }) })

await xmpp.start()
tell({ online: xmpp.jid.toString().replace(/\/.*/, ''), ...howItLoggedIn(), token: (await xmpp.fast.fetchToken())?.mechanism })

const roster = await xmpp.iqCaller.request(xml('iq', { type: 'get' }, xml('query', { xmlns: 'jabber:iq:roster' })))
tell({ roster: roster.getChild('query')?.getChildElements().map(({ attrs }) => attrs['jid']) })

const own = next(xmpp, (stanza) => stanza.is('presence') && stanza.attrs['from'] === xmpp.jid.toString())
await xmpp.send(xml('presence'))
tell({ present: (await own).attrs['type'] === undefined })

const pong = await xmpp.iqCaller.request(xml('iq', { type: 'get', to: domain }, xml('ping', { xmlns: 'urn:xmpp:ping' })))
tell({ ping: pong.attrs['type'] })

const refusal = next(xmpp, (stanza) => stanza.is('message') && stanza.attrs['type'] === 'error')
await xmpp.send(xml('message', { to: `nurse@${domain}`, type: 'chat', id: 'plain' }, xml('body', {}, 'But soft')))
const error = (await refusal).getChild('error')
tell({ refused: error?.getChildElements()[0]?.name, text: error?.getChildText('text') })

// The network breaks: what is said meanwhile comes once it is back.
const { id } = xmpp.streamManagement
const resumed = once(xmpp.streamManagement, 'resumed')
sent.length = 0
if (xmpp.socket.socket.terminate !== undefined) xmpp.socket.socket.terminate()
else xmpp.socket.socket.destroy?.()
await resumed
const again = await xmpp.iqCaller.request(xml('iq', { type: 'get', to: domain }, xml('ping', { xmlns: 'urn:xmpp:ping' })))
tell({ resumed: xmpp.streamManagement.id === id && id !== '', ...howItLoggedIn(), ping: again.attrs['type'] })
await xmpp.stop()
process.exit(0)

/** The profile of SASL and the mechanism, and what was asked for together with it. */
function howItLoggedIn(): Readonly<Record<string, unknown>> {
  const request = sent.find((element) => element.is('authenticate', 'urn:xmpp:sasl:2') || element.is('auth'))
  return {
    profile: request?.name === 'authenticate' ? 'SASL2' : 'SASL', mechanism: request?.attrs['mechanism'],
    inline: request?.getChildElements().map(({ name }) => name).filter((name) => name !== 'initial-response' && name !== 'user-agent').sort(),
  }
}

function next(from: Client, isIt: (stanza: Element) => boolean): Promise<Element> {
  return new Promise((resolve) => {
    const heard = (stanza: Element): void => {
      if (!isIt(stanza)) return
      from.off('stanza', heard)
      resolve(stanza)
    }
    from.on('stanza', heard)
  })
}

function tell(what: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(what)}\n`)
}
