/**
 * A whole server without sockets: the real router, extensions, sessions and database (in memory), and clients that are
 * objects. XML in, XML out: `says` takes what a client would write, `heard` what the server wrote to it.
 */
import assert from 'node:assert/strict'
import { StorageKey } from '../src/auth/sealing.ts'
import { configSchema, POLICY_PROFILES } from '../src/config/schema.ts'
import { extensions } from '../src/extensions.ts'
import type { Log, SafeFields } from '../src/log.ts'
import { ServedDomains } from '../src/routing/domains.ts'
import { Envelope } from '../src/routing/envelope.ts'
import type { Extension } from '../src/routing/extension.ts'
import { install, type Installation } from '../src/routing/installation.ts'
import { Sessions, type Session } from '../src/routing/sessions.ts'
import { openDatabase, type Database } from '../src/store/database.ts'
import { Element } from '../src/xml/element.ts'
import { StreamParser } from '../src/xml/parser.ts'
import { serialize } from '../src/xml/serialize.ts'
import { Jid } from '../src/xmpp/jid.ts'
import { NS_CLIENT } from '../src/xmpp/namespaces.ts'
import type { StanzaError } from '../src/xmpp/stanza-error.ts'
import { StreamError } from '../src/xmpp/stream-error.ts'
import { TestClock } from './clock.ts'

/** The cast: Juliet, her Nurse and Tybalt live here, Romeo on the same server under another name. */
export const ACCOUNTS = ['juliet@capulet.lit', 'nurse@capulet.lit', 'tybalt@capulet.lit', 'romeo@montague.lit']
export const DOMAINS = ['capulet.lit', 'montague.lit']

/** All extensions but the policy: for tests of what happens to stanzas that may pass. */
export const WITHOUT_POLICY = extensions.filter(({ name }) => name !== 'require-otr')

export interface HouseOptions {
  readonly extensions?: readonly Extension[]
  readonly accounts?: readonly string[]
  /** As in the configuration file. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly database?: Database
  /** What delivers to other domains, instead of a list. */
  readonly remote?: Extension
}

export class TestHouse {
  readonly clock = new TestClock(Date.UTC(1999, 0, 4))
  readonly log = new TestLog()
  readonly database: Database
  readonly sessions = new Sessions()
  readonly accounts: Set<string>
  readonly installation: Installation
  /** What left for other domains, in order. */
  readonly departed: Element[] = []
  /** What other domains answer at once; nothing unless a test says so. */
  remoteRefusal: StanzaError | undefined

  constructor({ extensions: installed = WITHOUT_POLICY, accounts = ACCOUNTS, config = {}, database, remote: given }: HouseOptions = {}) {
    this.database = database ?? openDatabase(':memory:')
    this.accounts = new Set(accounts)
    const parsed = configSchema.parse({ domains: DOMAINS.map((name) => ({ name, onion_service: false })), ...config })
    const domains = parsed.domains.map((domain) => ({ name: domain.name, label: domain.name, onionAddress: undefined, config: domain }))
    const remote: Extension = given ?? {
      name: 'test-remote',
      implements: [],
      install: () => ({ remote: { send: ({ element }) => {
        if (this.remoteRefusal === undefined) this.departed.push(element)
        return this.remoteRefusal
      } } }),
    }
    const unbound: Extension = { name: 'test-policy', implements: [], enforces: POLICY_PROFILES, install: () => ({}) }
    const isBound = installed.some(({ enforces }) => enforces !== undefined)
    this.installation = install([...installed, remote, ...isBound ? [] : [unbound]], {
      config: parsed, database: this.database, key: new StorageKey(Buffer.alloc(32, 7)), domains: new ServedDomains(domains), sessions: this.sessions,
      accounts: { exists: (account) => this.accounts.has(account.toString()) }, clock: this.clock, log: this.log,
    })
  }

  /** Binds a resource. */
  connect(address: string): TestClient {
    const client = new TestClient(this, jid(address))
    this.sessions.add(client)
    this.installation.tables.session.bound(client)
    return client
  }

  /** Binds a resource that asks for the roster, sends initial presence and hears what follows. */
  async login(address: string, presence = '<presence/>'): Promise<TestClient> {
    const client = this.connect(address)
    client.says("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
    client.says(presence)
    await this.settled()
    client.forget()
    return client
  }

  /** Makes two accounts see each other, as if they had agreed long ago. */
  async befriend(one: string, other: string): Promise<void> {
    const [first, second] = [this.connect(`${one}/befriend`), this.connect(`${other}/befriend`)]
    first.says(`<presence to='${other}' type='subscribe'/>`)
    second.says(`<presence to='${one}' type='subscribed'/>`)
    second.says(`<presence to='${one}' type='subscribe'/>`)
    first.says(`<presence to='${other}' type='subscribed'/>`)
    first.leaves()
    second.leaves()
    await this.settled()
    this.departed.length = 0
  }

  /** Removes an account, as registration/account-life.ts does. */
  async remove(address: string): Promise<void> {
    const account = jid(address)
    this.sessions.end(account, new StreamError('not-authorized'))
    const afterwards = this.database.writeNow(() => this.installation.tables.account.deleted(account))
    this.accounts.delete(address)
    afterwards()
    await this.settled()
  }

  /** A stanza comes in from another server, which answers for its `from`. */
  remoteSays(xml: string): void {
    for (const stanza of parse(xml)) {
      this.installation.router.submit(new Envelope(stanza, jid(stanza.attrs['from'] ?? ''), jid(stanza.attrs['to'] ?? ''), true, 'remote', undefined))
    }
  }

  /** Exactly these stanzas left for other domains since the last look. An attribute `*` stands for any value. */
  departs(...expected: string[]): void {
    assertStanzas(this.departed.splice(0), expected)
  }

  /** All writes are on disk, and what waited for them has happened. */
  async settled(): Promise<void> {
    this.database.flush()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export class TestClient implements Session {
  readonly jid: Jid
  readonly account: Jid
  presence: Element | undefined
  priority = 0
  readonly since = '1999-01-04'
  onion = false
  endedWith: StreamError | undefined
  readonly #house: Pick<TestHouse, 'installation' | 'sessions'>
  #received: Element[] = []
  #ended = false

  constructor(house: Pick<TestHouse, 'installation' | 'sessions'>, address: Jid) {
    this.#house = house
    this.jid = address
    this.account = address.bare
  }

  showPresence(presence: Element | undefined, priority: number): void {
    this.presence = presence
    this.priority = priority
  }

  send(stanza: Element): void {
    if (this.#ended || this.#house.installation.tables.session.withholds(this, stanza)) return
    this.#received.push(stanza)
    this.#house.installation.tables.session.sent(this, stanza)
  }

  end(error?: StreamError): void {
    this.endedWith = error
    this.leaves()
  }

  /** The stream is gone, without a word. */
  leaves(): void {
    if (this.#ended) return
    this.#ended = true
    this.#house.sessions.remove(this)
    this.#house.installation.tables.session.ended(this)
  }

  /** The client writes stanzas; the server stamps them (RFC 6120 §8.1.2.1). */
  says(xml: string): void {
    for (const stanza of parse(xml)) {
      this.#house.installation.tables.session.received(this, stanza)
      const { to } = stanza.attrs
      const stamped = stanza.with({ from: this.jid.toString() })
      this.#house.installation.router.submit(
        new Envelope(stamped, this.jid, to === undefined ? this.account : jid(to), to !== undefined, 'client', this))
    }
  }

  /** What was heard since the last look, less the id that each message gets (XEP-0359), which nobody can foresee. */
  heard(): Element[] {
    return this.heardWhole().map((stanza) => {
      const children = stanza.children.filter((child) => typeof child === 'string' || !child.is('stanza-id', 'urn:xmpp:sid:0')
        || child.attrs['by'] !== this.account.toString())
      return children.length === stanza.children.length ? stanza : stanza.withChildren(children)
    })
  }

  heardWhole(): Element[] {
    const received = this.#received
    this.#received = []
    return received
  }

  forget(): void {
    this.#received = []
  }

  /** Exactly these stanzas were heard since the last look. An attribute `*` stands for any value. */
  hears(...expected: string[]): void {
    assertStanzas(this.heard(), expected)
  }
}

export class TestLog implements Log {
  readonly lines: { readonly level: string; readonly event: string; readonly fields: SafeFields; readonly cause: unknown }[] = []
  readonly rosterChanges: { readonly account: string; readonly contact: string; readonly action: string }[] = []

  error(event: string, fields: SafeFields = {}, cause?: unknown): void {
    this.lines.push({ level: 'error', event, fields, cause })
  }

  warn(event: string, fields: SafeFields = {}, cause?: unknown): void {
    this.lines.push({ level: 'warn', event, fields, cause })
  }

  info(event: string, fields: SafeFields = {}): void {
    this.lines.push({ level: 'info', event, fields, cause: undefined })
  }

  debug(event: string, fields: SafeFields = {}): void {
    this.lines.push({ level: 'debug', event, fields, cause: undefined })
  }

  roster(change: { readonly account: string; readonly contact: string; readonly action: string }): void {
    this.rosterChanges.push(change)
  }
}

/** The address in a test, which is a valid one. */
export function jid(text: string): Jid {
  const parsed = Jid.parse(text)
  assert.ok(parsed, `${text} is a JID`)
  return parsed
}

/** The stanzas in a piece of a client's stream. */
export function parse(xml: string): Element[] {
  const stanzas: Element[] = []
  const limits = { header: 65_536, stanza: 1_048_576, depth: 64, attributes: 256, elements: 65_536, name: 1024, startTag: 65_536 }
  const parser = new StreamParser({
    streamOpened: () => {},
    received: (stanza) => { stanzas.push(stanza) },
    streamClosed: () => {},
  }, limits)
  parser.write(Buffer.from("<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"))
  parser.write(Buffer.from(xml))
  assert.ok(parser.idle, `not whole: ${xml}`)
  return stanzas
}

/** Compares as XML: the order of attributes is no difference. */
function assertStanzas(actual: readonly Element[], expected: readonly string[]): void {
  const wanted = expected.flatMap(parse)
  const wildcards = wanted.map((stanza, index) => fillIn(stanza, actual[index]))
  assert.deepEqual(actual.map((stanza) => serialize(canonical(stanza), NS_CLIENT)), wildcards.map((stanza) => serialize(canonical(stanza), NS_CLIENT)))
}

function fillIn(expected: Element, actual: Element | undefined): Element {
  const attributes = { ...expected.attrs }
  for (const name in attributes) if (attributes[name] === '*' && actual?.attrs[name] !== undefined) attributes[name] = actual.attrs[name]
  const others = actual?.children ?? []
  return new Element(expected.namespace, expected.name, attributes, expected.children.map((child, index) => {
    const other = others[index]
    return typeof child === 'string' || typeof other === 'string' ? child : fillIn(child, other)
  }))
}

function canonical(stanza: Element): Element {
  const sorted = Object.fromEntries(Object.entries(stanza.attrs).sort(([one], [other]) => one < other ? -1 : 1))
  return new Element(stanza.namespace, stanza.name, sorted, stanza.children.map((child) => typeof child === 'string' ? child : canonical(child)))
}
