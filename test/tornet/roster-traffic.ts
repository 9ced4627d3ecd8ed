import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_ROSTER } from '../../src/xmpp/namespaces.ts'
import type { XmppClient } from '../clients/xmpp-client.ts'
import type { Chance } from './chance.ts'

/** A contact's name on the roster; undefined where it is not there. */
type Entry = string | undefined

const CONTACTS = 24
const AT_A_TIME = 6

/**
 * Changes one account's roster as fast as the server acknowledges, and remembers what was acknowledged and what was
 * asked but not answered: after a crash the former must be there, of the latter each may be there or not.
 */
export class RosterTraffic {
  readonly #domain: string
  readonly #chance: Chance
  readonly #acknowledged = new Map<string, Entry>()
  readonly #unanswered = new Map<string, Entry>()
  #count = 0

  constructor(domain: string, chance: Chance) {
    this.#domain = domain
    this.#chance = chance
  }

  /** How many changes the server acknowledged. */
  get count(): number {
    return this.#count
  }

  /** Goes on until the client's stream ends. */
  async run(client: XmppClient): Promise<void> {
    let alive = true
    const ended = client.stream.ended.then(() => { alive = false })
    await Promise.all(Array.from({ length: AT_A_TIME }, async (_, lane) => {
      // Each lane has contacts of its own: no two unanswered changes are of the same one.
      while (alive) await this.#change(client, lane).catch(() => ended)
    }))
  }

  /** What is wrong with a roster that was read after a crash; from then on it is what counts. */
  judge(roster: Element): string[] {
    const actual = new Map<string, Entry>()
    const items = roster.child('query', NS_ROSTER)?.elements() ?? []
    for (const { attrs } of items) actual.set(attrs['jid'] ?? '', attrs['name'])
    const wrong: string[] = []
    for (const jid of new Set([...this.#acknowledged.keys(), ...this.#unanswered.keys(), ...actual.keys()])) {
      const found = actual.get(jid)
      const acknowledged = this.#acknowledged.get(jid)
      const isUnanswered = this.#unanswered.has(jid) && found === this.#unanswered.get(jid)
      if (found !== acknowledged && !isUnanswered) wrong.push(`${jid}: ${found}, acknowledged was ${acknowledged}`)
      this.#acknowledged.set(jid, found)
    }
    this.#unanswered.clear()
    return wrong
  }

  async #change(client: XmppClient, lane: number): Promise<void> {
    const jid = `contact-${lane + AT_A_TIME * this.#chance.below(CONTACTS / AT_A_TIME)}@${this.#domain}`
    const entry = this.#chance.below(4) === 0 ? undefined : `name-${this.#chance.below(1_000_000)}`
    const change = entry === undefined ? { subscription: 'remove' } : { name: entry }
    const query = element(NS_ROSTER, 'query', {}, element(NS_ROSTER, 'item', { jid, ...change }))
    this.#unanswered.set(jid, entry)
    // RFC 6121 §2.5.3: removing what is not there is answered item-not-found, and then it is not there either.
    const answer = await client.request(element(NS_CLIENT, 'iq', { type: 'set' }, query))
    if (answer.attrs['type'] === 'error' && entry !== undefined) throw new Error('a roster item was refused')
    this.#unanswered.delete(jid)
    this.#acknowledged.set(jid, entry)
    this.#count += 1
    client.stream.takeUnread() // the pushes of what we know
  }
}
