/** Who holds a stanza on its way: the server of who sent it, or that of who is to get it. */
export type Holder = 'sender' | 'receiver'

/** How our server bounces what waits for a way, or what was not acknowledged on one that broke (XEP-0198 §5). */
const BROKEN_WAY = 'remote-server-timeout'

interface Entry {
  taken: boolean
  delivered: number
  /** The conditions it was bounced with. */
  readonly bounces: string[]
  /** The sending server was killed while nobody knew what became of it. */
  fellWithSender: boolean
  /** The kills of the receiving server at which nobody knew yet. */
  readonly receiversKills: number[]
}

/**
 * What became of the numbered stanzas from one client to another, where each client's server can be killed.
 *
 * A number is `wrote` when the client gave it to its connection, `taken` when its server has answered what the client
 * wrote after it (RFC 6120 §10.1: in order, so it has seen the stanza, too), `delivered` or `bounced` when a client read
 * that. It is settled by the first of those two. The rule, "of the stanzas that a surviving server held, each is
 * delivered, or bounced once (one not yet acknowledged may be both), none is delivered twice", in terms of what clients
 * see:
 *
 * 1. No number is delivered twice, or bounced twice, whatever was killed.
 * 2. One that is both was bounced for a way that broke: it was handled, and the acknowledgement was lost with the way.
 *    Any other condition is a judgement, and what was judged is not delivered.
 * 3. One that is neither was held by a server that was killed:
 *    - by the sending one, if that was killed between its being written and its being settled. Whether it was taken, or
 *      still on its way to that server, is the same: nobody is left who would know it;
 *    - by the receiving one, if that was killed then, too, and had acknowledged it but not handed it over. No client sees
 *      that, but acknowledgements count from the first stanza on, and a sending server that survives bounces all
 *      others. So none that was bounced for the broken way may come before it, of those that were open at that kill.
 *    A tor that is killed held nothing: no stanza is lost with it.
 *
 * What was lost is counted and printed; how many that may be, the rule does not say.
 */
export class Ledger {
  readonly #title: string
  readonly #entries = new Map<number, Entry>()
  #kills = 0

  /** `title` as in the printed table. */
  constructor(title: string) {
    this.#title = title
  }

  get size(): number {
    return this.#entries.size
  }

  get deliveries(): number {
    return this.#count(({ delivered }) => delivered > 0)
  }

  /** Numbers begin at 1 and go up. */
  wrote(number: number): void {
    this.#entries.set(number, { taken: false, delivered: 0, bounces: [], fellWithSender: false, receiversKills: [] })
  }

  taken(number: number): void {
    this.#entry(number).taken = true
  }

  delivered(number: number): void {
    this.#entry(number).delivered += 1
  }

  bounced(number: number, condition: string): void {
    this.#entry(number).bounces.push(condition)
  }

  isSettled(number: number): boolean {
    return isSettled(this.#entry(number))
  }

  /** That server was killed when `last` was the last number written, and all that clients had of it has been read. */
  killed(holder: Holder, last: number): void {
    this.#kills += 1
    for (const [number, entry] of this.#entries) {
      if (number > last || isSettled(entry)) continue
      if (holder === 'sender') entry.fellWithSender = true
      else entry.receiversKills.push(this.#kills)
    }
  }

  /** What breaks the rule; while stanzas are still on their way they look as if they were lost. */
  problems(): string[] {
    return [...this.#entries].flatMap(([number, entry]) => {
      const { delivered, bounces } = entry
      const wrong: string[] = []
      if (delivered > 1) wrong.push(`was delivered ${delivered} times`)
      if (bounces.length > 1) wrong.push(`was bounced ${bounces.length} times`)
      if (delivered > 0 && bounces.some((condition) => condition !== BROKEN_WAY)) wrong.push(`was delivered, and bounced with ${bounces.join()}`)
      if (!isSettled(entry) && this.#lostWith(number, entry) === undefined) wrong.push('was lost, and no server that held it was killed')
      return wrong.map((what) => `${this.#title}: ${number} ${what}`)
    })
  }

  /** The table's head, and a row for each ledger. */
  static table(ledgers: readonly Ledger[]): string[] {
    const rows = [
      ['', 'written', 'taken', 'delivered', 'bounced', 'both', 'lost with sender', 'lost with receiver', 'bounces by condition'],
      ...ledgers.map((ledger) => ledger.#row()),
    ]
    const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
    return rows.map((row) => row.map((cell, column) => column === 0 || column === row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)).join('  ').trimEnd())
  }

  #row(): string[] {
    const lost = [...this.#entries].filter(([, entry]) => !isSettled(entry)).map(([number, entry]) => this.#lostWith(number, entry))
    const conditions = new Map<string, number>()
    for (const { bounces } of this.#entries.values()) for (const one of bounces) conditions.set(one, (conditions.get(one) ?? 0) + 1)
    const counts = [
      this.size, this.#count(({ taken }) => taken), this.deliveries, this.#count(({ bounces }) => bounces.length > 0),
      this.#count(({ delivered, bounces }) => delivered > 0 && bounces.length > 0),
      ...(['sender', 'receiver'] as const).map((holder) => lost.filter((one) => one === holder).length),
    ]
    return [this.#title, ...counts.map(String), [...conditions].map(([condition, count]) => `${count} ${condition}`).join(', ')]
  }

  /** With which server an open one may have fallen; undefined: with none. */
  #lostWith(number: number, { fellWithSender, receiversKills }: Entry): Holder | undefined {
    if (fellWithSender) return 'sender'
    return receiversKills.some((kill) => !this.#bouncedBefore(number, kill)) ? 'receiver' : undefined
  }

  /** Was an earlier one, open at that kill of the receiving server, bounced for the broken way? */
  #bouncedBefore(number: number, kill: number): boolean {
    return [...this.#entries].some(([other, { receiversKills, bounces }]) =>
      other < number && receiversKills.includes(kill) && bounces.includes(BROKEN_WAY))
  }

  #count(matches: (entry: Entry) => boolean): number {
    return [...this.#entries.values()].filter(matches).length
  }

  /** A number that nobody wrote is made up by a server. */
  #entry(number: number): Entry {
    const entry = this.#entries.get(number)
    if (entry === undefined) throw new Error(`${this.#title}: nobody wrote ${number}`)
    return entry
  }
}

function isSettled({ delivered, bounces }: Entry): boolean {
  return delivered > 0 || bounces.length > 0
}
