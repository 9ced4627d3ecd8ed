/** `npm run demo`: two people talk through the onion of a server on a private Tor network, with every step printed. */
import { ClientTor } from '../clients/client-tor.ts'
import { OtrConversation, newOtrKey } from '../clients/otr-conversation.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import type { Element } from '../../src/xml/element.ts'
import { joinNetwork } from '../tornet/joined.ts'

const PATIENCE_MILLISECONDS = 60_000
const LINES = [
  ['But soft, what light through yonder window breaks?', 'Who is it that comes here by night?'],
  ['By a name I know not how to tell thee who I am.', 'By whose direction found’st thou out this place?'],
  ['By love, that first did prompt me to inquire.', 'Good night, good night!'],
] as const

const begun = Date.now()
/** What is to be ended, the last first. */
const ends: (() => Promise<void> | void)[] = []

const stopped = new Promise<'stopped'>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve('stopped'))
})
try {
  await Promise.race([demonstrate(), stopped])
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  tell('Cleaning up.')
  for (const end of ends.reverse()) await end()
}
process.exit()

async function demonstrate(): Promise<void> {
  const clientTorrc = await privateNetwork()
  tell('Starting the server: its onion service is published on that network.')
  const server = await ServerProcess.start({ clientTorrc })
  ends.push(() => server.stop())
  const onion = await server.onionAddress()
  tell(`The server is reachable at ${onion}, and nowhere else.`)

  tell('Making two accounts as the operator does: sotto account add NAME')
  await server.addAccount('romeo@onion', 'at-thy-word')
  await server.addAccount('juliet@onion', 'good-night')

  const tor = await ClientTor.start(clientTorrc)
  ends.push(() => tor.stop())
  const romeo = await login(tor, onion, 'romeo', 'at-thy-word')
  const juliet = await login(tor, onion, 'juliet', 'good-night')

  tell('Romeo forgets to encrypt, and writes "Is the nurse asleep?"')
  romeo.message(`juliet@${onion}`, 'Is the nurse asleep?')
  const isError = ({ name, attrs }: Element) => name === 'message' && attrs['type'] === 'error'
  const refused = await romeo.stream.next(isError, 'the refusal')
  const reason = refused.elements().find(({ name }) => name === 'error')
  tell(`  The server answers: ${reason?.elements().map((child) => child.content()).join('').trim()}`)

  await talk(romeo, juliet, onion)
  await romeo.leave()
  await juliet.leave()
}

async function talk(romeo: XmppClient, juliet: XmppClient, onion: string): Promise<void> {
  tell('Making two OTR keys (a few seconds of DSA), and starting OTR.')
  const first = new OtrConversation(romeo, `juliet@${onion}`, newOtrKey(), PATIENCE_MILLISECONDS)
  const second = new OtrConversation(juliet, `romeo@${onion}`, newOtrKey(), PATIENCE_MILLISECONDS)
  await first.begin()
  await second.encrypted()
  tell('Both have a key that the server does not have.')
  for (const [question, answer] of LINES) {
    first.say(question)
    tell(`  Juliet reads: ${await second.hear()}`)
    second.say(answer)
    tell(`  Romeo reads:  ${await first.hear()}`)
  }
  tell(`What the server saw of Romeo's last line: ${first.sent.at(-1)?.slice(0, 72)}...`)
}

/** The network that SOTTO_TORNET names, or a new one. */
async function privateNetwork(): Promise<string> {
  tell('Joining a private Tor network on this machine: five relays, no Internet (a new one takes 20 s).')
  const network = await joinNetwork(process.env['SOTTO_TORNET'], (line) => tell(`  ${line}`))
  ends.push(() => network.leave())
  return network.clientTorrc
}

/** Each through a circuit of their own. */
async function login(tor: ClientTor, onion: string, name: string, password: string): Promise<XmppClient> {
  const client = await XmppClient.login({
    jid: `${name}@${onion}/demo`,
    password,
    route: { host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort, isolation: name } },
    patience: PATIENCE_MILLISECONDS,
  })
  await client.appear()
  ends.push(() => client.cut())
  tell(`${name} logged in over Tor with ${client.mechanism}.`)
  return client
}

function tell(line: string): void {
  console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${line}`)
}
