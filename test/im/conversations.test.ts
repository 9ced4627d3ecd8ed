/** Several clients of one account, each with a real OTR of its own, on the whole server. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DSA } from 'otr'
import { extensions } from '../../src/extensions.ts'
import { peek } from '../../src/otr/peek.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { element, type Element } from '../../src/xml/element.ts'
import { TestHouse } from '../house.ts'
import { KEYS, Party, type PartyOptions } from '../otr/party.ts'

const JULIET = 'juliet@capulet.lit'
const ROMEO = 'romeo@montague.lit'
const MERCUTIO = 'mercutio@verona.example'

/** How a device is connected: as a client of ours, or beyond another server. */
interface Line {
  write(stanza: Element): void
  read(): readonly Element[]
}

/**
 * A client, which writes to its contact's bare JID only, as mcabber does. As libotr does, it has one instance tag and a
 * conversation of its own with each instance of the contact, or with all that speak version 2 together.
 */
class Device {
  readonly parties = new Map<string, Party>()
  /** How many messages with a body came in. */
  received = 0
  readonly errors: string[] = []
  readonly #line: Line
  readonly #contact: string
  readonly #key: DSA
  readonly #options: Pick<PartyOptions, 'version' | 'tag'>

  constructor(line: Line, contact: string, key: DSA, options: Pick<PartyOptions, 'version' | 'tag'>) {
    this.#line = line
    this.#contact = contact
    this.#key = key
    this.#options = options
  }

  get heard(): readonly string[] {
    return [...this.parties.values()].flatMap(({ heard }) => heard)
  }

  get troubles(): readonly string[] {
    return [...this.parties.values()].flatMap(({ troubles }) => troubles)
  }

  query(versions: string): void {
    this.#write(`?OTRv${versions}?`)
  }

  /** The one conversation it has. */
  get only(): Party {
    const all = [...this.parties.values()].filter(({ encrypted }) => encrypted)
    assert.equal(all.length, 1)
    return all[0] as Party // there is one
  }

  pump(): void {
    for (const stanza of this.#line.read()) {
      const body = stanza.name === 'message' ? stanza.childContent('body', NS_CLIENT) : undefined
      if (stanza.attrs['type'] === 'error') this.errors.push(serialize(stanza, NS_CLIENT))
      else if (body !== undefined) this.#receive(body)
    }
  }

  #receive(body: string): void {
    this.received++
    const otr = peek(body)
    assert.ok(otr !== undefined)
    const peer = otr.kind === 'encoded' || otr.kind === 'fragment' ? String(otr.senderTag) : 'query'
    let party = this.parties.get(peer)
    if (party === undefined && this.parties.has('query')) {
      // It was a query that began this one.
      party = this.parties.get('query') as Party
      this.parties.delete('query')
    }
    party ??= new Party({ ...this.#options, key: this.#key, send: (text) => this.#write(text) })
    this.parties.set(peer, party)
    party.receive(body)
  }

  #write(body: string): void {
    this.#line.write(element(NS_CLIENT, 'message', { to: this.#contact, type: 'chat' }, element(NS_CLIENT, 'body', {}, body)))
  }
}

/** A resource of Juliet's: its name, priority and OTR. */
type Resource = Pick<PartyOptions, 'version' | 'tag'> & { readonly name: string; readonly priority: number }

class Scene {
  readonly house = new TestHouse({ extensions })
  readonly juliets: Device[] = []
  readonly contact: Device
  readonly #clients: Awaited<ReturnType<TestHouse['login']>>[] = []

  private constructor(romeo: (house: TestHouse) => Line) {
    const [key] = KEYS
    assert.ok(key)
    this.contact = new Device(romeo(this.house), JULIET, key, { tag: 0x1000 })
  }

  /** Juliet with some resources, and Romeo here or Mercutio elsewhere. */
  static async build(isRemote: boolean, ...resources: readonly Resource[]): Promise<Scene> {
    const scene = new Scene((house) => isRemote ? remoteLine(house) : localLine(house, `${ROMEO}/orchard`))
    for (const [index, { name, priority, ...options }] of resources.entries()) {
      const client = await scene.house.login(`${JULIET}/${name}`, `<presence><priority>${priority}</priority></presence>`)
      const key = KEYS[index + 1]
      assert.ok(key)
      const line = { write: (stanza: Element) => client.says(serialize(stanza, NS_CLIENT)), read: () => client.heard() }
      scene.juliets.push(new Device(line, isRemote ? MERCUTIO : ROMEO, key, options))
      scene.#clients.push(client)
    }
    return scene
  }

  /** Makes another resource the most available one. */
  prefer(index: number): void {
    this.#clients[index]?.says('<presence><priority>100</priority></presence>')
  }

  leave(index: number): void {
    this.#clients[index]?.leaves()
  }

  /** Until nobody has anything more to say: npm's otr writes in turns of the event loop. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 40; turn++) {
      for (const device of [...this.juliets, this.contact]) device.pump()
      await new Promise((resolve) => setTimeout(resolve, 0))
    }
  }

  /** What everybody knows, for whom a test fails. */
  told(): string {
    return JSON.stringify([...this.juliets, this.contact].map(({ received, troubles, errors, parties }) =>
      ({ received, troubles, errors, encrypted: [...parties].map(([peer, { encrypted }]) => `${peer}: ${encrypted}`) })))
  }

  assertPeaceful(): void {
    for (const { troubles, errors } of [...this.juliets, this.contact]) assert.deepEqual([troubles, errors], [[], []])
    assert.deepEqual(this.house.log.lines, [])
  }
}

function localLine(house: TestHouse, address: string): Line {
  const client = house.connect(address)
  client.says('<presence/>')
  return { write: (stanza) => client.says(serialize(stanza, NS_CLIENT)), read: () => client.heard() }
}

function remoteLine(house: TestHouse): Line {
  return {
    write: (stanza) => house.remoteSays(serialize(stanza.with({ from: `${MERCUTIO}/inn` }), NS_CLIENT)),
    read: () => house.departed.splice(0),
  }
}

for (const [where, isRemote] of [['here', false], ['on another server', true]] as const) {
  describe(`Juliet's clients and a contact ${where}, which writes to her bare JID`, () => {
    test('version 3: a query goes to both, each holds a conversation of its own, and none disturbs the other', async () => {
      const scene = await Scene.build(isRemote, { name: 'balcony', priority: 1, tag: 0x2000 }, { name: 'chamber', priority: 5, tag: 0x3000 })
      const { juliets: [balcony, chamber], contact } = scene
      assert.ok(balcony && chamber)
      contact.query('23')
      await scene.settled()
      const [first, second] = [contact.parties.get(String(0x2000)), contact.parties.get(String(0x3000))]
      assert.ok(first?.encrypted && second?.encrypted && balcony.only && chamber.only)
      for (let turn = 0; turn < 4; turn++) {
        const before: readonly number[] = [balcony.received, chamber.received]
        first.say(`balcony ${turn}`)
        second.say(`chamber ${turn}`)
        await scene.settled()
        assert.deepEqual([balcony.heard.at(-1), chamber.heard.at(-1)], [`balcony ${turn}`, `chamber ${turn}`])
        assert.deepEqual([balcony.received, chamber.received], before.map((count) => count + 1), 'each gets its own alone')
        balcony.only.say(`from the balcony ${turn}`)
        chamber.only.say(`from the chamber ${turn}`)
        await scene.settled()
        assert.deepEqual([first.heard.at(-1), second.heard.at(-1)], [`from the balcony ${turn}`, `from the chamber ${turn}`])
      }
      scene.assertPeaceful()
    })

    test('version 3: one conversation ends, by a word or with its stream, and the other goes on', async () => {
      const scene = await Scene.build(isRemote, { name: 'balcony', priority: 1, tag: 0x2000 }, { name: 'chamber', priority: 1, tag: 0x3000 })
      const { juliets: [balcony, chamber], contact } = scene
      assert.ok(balcony && chamber)
      contact.query('3')
      await scene.settled()
      const [first, second] = [contact.parties.get(String(0x2000)), contact.parties.get(String(0x3000))]
      assert.ok(first?.encrypted && second?.encrypted, scene.told())
      chamber.only.end()
      await scene.settled()
      assert.ok(!second.encrypted)
      first.say('still here')
      await scene.settled()
      assert.deepEqual([balcony.heard, chamber.heard], [['still here'], []])
      scene.leave(1)
      first.say('and here')
      await scene.settled()
      assert.deepEqual(balcony.heard, ['still here', 'and here'])
      scene.assertPeaceful()
    })

    test('version 2: the conversation stays with the client that holds it, whatever becomes the most available', async () => {
      const scene = await Scene.build(isRemote, { name: 'balcony', priority: 9, version: 2 }, { name: 'chamber', priority: 1, version: 2 })
      const { juliets: [balcony, chamber], contact } = scene
      assert.ok(balcony && chamber)
      contact.query('2')
      await scene.settled()
      assert.equal(chamber.received, 0, 'the query went to the most available alone')
      scene.prefer(1)
      for (const turn of ['one', 'two', 'three']) {
        contact.only.say(turn)
        await scene.settled()
        balcony.only.say(`${turn} to you`)
        await scene.settled()
        assert.deepEqual([balcony.heard.at(-1), contact.heard.at(-1)], [turn, `${turn} to you`])
      }
      assert.equal(chamber.received, 0)
      scene.assertPeaceful()
    })

    test('one client speaks version 2 and one version 3: both talk to the contact, and none disturbs the other', async () => {
      const scene = await Scene.build(isRemote, { name: 'balcony', priority: 1, version: 2 }, { name: 'chamber', priority: 5, version: 3, tag: 0x3000 })
      const { juliets: [balcony, chamber], contact } = scene
      assert.ok(balcony && chamber)
      contact.query('23')
      await scene.settled()
      const [first, second] = [contact.parties.get('undefined'), contact.parties.get(String(0x3000))]
      assert.ok(first?.encrypted && second?.encrypted, scene.told())
      for (let turn = 0; turn < 3; turn++) {
        chamber.only.say(`chamber ${turn}`)
        await scene.settled()
        first.say(`balcony ${turn}`)
        second.say(`chamber ${turn}`)
        await scene.settled()
        assert.deepEqual([balcony.heard.at(-1), chamber.heard.at(-1)], [`balcony ${turn}`, `chamber ${turn}`])
      }
      scene.assertPeaceful()
    })
  })
}
