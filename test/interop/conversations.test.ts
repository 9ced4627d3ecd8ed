import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { ClientTor } from '../clients/client-tor.ts'
import { joinNetwork, type JoinedNetwork } from '../tornet/joined.ts'
import type { Account, ChatClient, Door } from './chat-client.ts'
import { becomeContacts, converse, newScript, speakPlainly, type Person, type Script } from './conversation.ts'
import { Mcabber } from './mcabber.ts'
import { Pidgin } from './pidgin.ts'
import { missing } from './programs.ts'
import { Profanity } from './profanity.ts'
import { ServerProcess } from './server.ts'
import { Wire } from './wire.ts'

type Start = (account: Account, door: Door) => Promise<ChatClient>

interface Pair {
  readonly title: string
  readonly starts: readonly [Start, Start]
  readonly ways: readonly ('localhost' | 'onion')[]
}

const MCABBER: Start = (account, door) => Mcabber.start(account, door)
const PROFANITY: Start = (account, door) => Profanity.start(account, door)
const PIDGIN: Start = (account, door) => Pidgin.start(account, door)

/**
 * Who starts OTR is named first: they speak different versions, and start from different states. Pidgin takes longer
 * than the others, so each of its pairs goes one of the ways.
 */
const PAIRS: readonly Pair[] = [
  { title: 'mcabber to mcabber', starts: [MCABBER, MCABBER], ways: ['localhost', 'onion'] },
  { title: 'Profanity to Profanity', starts: [PROFANITY, PROFANITY], ways: ['localhost', 'onion'] },
  { title: 'mcabber to Profanity', starts: [MCABBER, PROFANITY], ways: ['localhost', 'onion'] },
  { title: 'Profanity to mcabber', starts: [PROFANITY, MCABBER], ways: ['localhost', 'onion'] },
  { title: 'Pidgin to mcabber', starts: [PIDGIN, MCABBER], ways: ['localhost'] },
  { title: 'mcabber to Pidgin', starts: [MCABBER, PIDGIN], ways: ['onion'] },
  { title: 'Pidgin to Profanity', starts: [PIDGIN, PROFANITY], ways: ['onion'] },
  { title: 'Profanity to Pidgin', starts: [PROFANITY, PIDGIN], ways: ['localhost'] },
  { title: 'Pidgin to Pidgin', starts: [PIDGIN, PIDGIN], ways: ['localhost'] },
]
const DOMAIN = 'capulet.lit'

const programs = ['mcabber', 'profanity', 'torsocks', 'tmux', 'pidgin', 'Xvfb', 'dbus-daemon', 'openssl', 'tor']
const skip = missing(...programs) ?? false

describe('people at mcabber, Profanity and Pidgin talk with OTR, and only with OTR', { skip }, () => {
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor

  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], console.log)
    server = await ServerProcess.start({ ...network, domain: DOMAIN })
    tor = await ClientTor.start(network.clientTorrc)
  })

  after(async () => {
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  })

  for (const { title, starts } of pairsGoing('localhost')) {
    test(`${title}, STARTTLS on localhost`, async () => {
      const { certificate, key } = server.identityFiles(DOMAIN)
      const identity = { name: DOMAIN, certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
      const wire = await Wire.listen({ host: '127.0.0.1', port: server.port, identity })
      await meet(DOMAIN, starts, { host: '127.0.0.1', port: wire.port, authority: certificate }, wire)
    })
  }

  for (const { title, starts } of pairsGoing('onion')) {
    test(`${title}, through the onion`, async () => {
      const onion = await server.onionAddress()
      // mcabber and Pidgin take STARTTLS where it is offered, and on onions it is: the wire must look into that, too.
      const { certificate, key } = server.identityFiles('onion')
      const identity = { name: onion, certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') }
      const wire = await Wire.listen({ host: '127.0.0.1', port: tor.socksPort, identity })
      await meet(onion, starts, { host: onion, port: 5222, socksPort: wire.port }, wire)
    })
  }

  /** Everything from login to good-bye between two new accounts, and then what others could have read of it. */
  async function meet(domain: string, starts: readonly [Start, Start], door: Door, wire: Wire): Promise<void> {
    const script = newScript()
    const people: Person[] = []
    try {
      for (const [index, start] of starts.entries()) {
        const jid = `${['romeo', 'juliet'][index]}-${randomUUID().slice(0, 8)}@${domain}`
        const account = { jid, password: randomUUID() }
        await server.addAccount(jid, account.password)
        people.push({ jid, client: await start(account, door) })
      }
      const [one, other] = people
      assert.ok(one !== undefined && other !== undefined)
      await becomeContacts(one, other)
      await speakPlainly(one, other, script)
      await converse(one, other, script)
      assertUnread(script, people, wire)
    } catch (error) {
      for (const { client } of people) await client.keepScreen()
      throw error
    } finally {
      for (const { client } of people) await client.stop()
      await wire.stop()
    }
  }

  function assertUnread({ said, refused }: Script, people: readonly Person[], wire: Wire): void {
    const bytes = wire.recorded
    assert.ok(bytes.includes('?OTR:'), 'the wire recorded nothing that could be searched')
    for (const line of said.flat()) {
      assert.ok(!bytes.includes(line), 'an encrypted line is readable between the clients')
    }
    for (const line of refused) {
      assert.equal(bytes.split(line).length - 1, 1, 'a refused line goes to the server, and nowhere else')
    }
    for (const line of [...said.flat(), ...refused]) {
      assert.deepEqual(server.filesWith(line), [], 'a line is on the server\'s disk')
      assert.ok(!server.log.includes(line), 'a line is in the server\'s log')
    }
    for (const { jid } of people) assert.ok(!server.log.includes(jid), 'the log names a person')
  }
})

function pairsGoing(way: Pair['ways'][number]): readonly Pair[] {
  return PAIRS.filter(({ ways }) => ways.includes(way))
}
