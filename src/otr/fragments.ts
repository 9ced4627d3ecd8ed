import type { Clock, Timer } from '../clock.ts'
import type { Encoded, Fragment, KeyMemory, OtrSettings } from './classified.ts'
import { readEncoded } from './encoded.ts'
import { areAddressedAlike, beginsLikeMessage, BEGINNING_CHARACTERS } from './fragment.ts'

const HOLD_MILLISECONDS = 60_000
const MOST_SERIES = 1024
const MOST_SERIES_PER_SENDER = 4
/** Of all series together, in characters; every held stanza counts STANZA_COST besides its piece. */
const MOST_HELD = 32 * 1024 * 1024
const STANZA_COST = 1024

/**
 * What becomes of a fragment. `refused` is said once per series, for one error to the sender; the series' other
 * fragments are `ignored` after that. Of a series that is given up the owner hears by `abandoned`.
 */
export type Outcome<Stanza> =
  | { readonly outcome: 'held' }
  | { readonly outcome: 'released', readonly stanzas: readonly Stanza[], readonly message: Encoded }
  | { readonly outcome: 'refused', readonly reason: string }
  | { readonly outcome: 'ignored' }

/** Who speaks to whom. */
export interface Conversation {
  /** The full JID, and the address written to. */
  readonly from: string
  readonly to: string
  /** Whose share of the memory it is: the bare JID. */
  readonly sender: string
}

/**
 * Holds fragments back until their message is whole and valid, and then lets all of them go at once: only then is it
 * known that they are no text in slices. Fragments count in their order only; the first one starts anew
 * (OTR version 3, "Receiving fragments").
 */
export class Fragments<Stanza> {
  readonly #clock: Clock
  readonly #settings: OtrSettings
  readonly #abandoned: (first: Stanza) => void
  /** By conversation, then by identifier and instance tags. */
  readonly #series = new Map<string, Map<string, Series<Stanza>>>()
  readonly #perSender = new Map<string, number>()
  #count = 0
  #held = 0

  /** @param abandoned told the first stanza of a series that held some and is given up, for one error to its sender */
  constructor(clock: Clock, settings: OtrSettings, abandoned: (first: Stanza) => void) {
    this.#clock = clock
    this.#settings = settings
    this.#abandoned = abandoned
  }

  /** Takes a fragment that `classify` has passed, and the stanza that carries it. */
  offer(conversation: Conversation, fragment: Fragment, stanza: Stanza, keys?: KeyMemory): Outcome<Stanza> {
    const name = conversationName(conversation)
    const tags = `${fragment.identifier}|${fragment.senderTag}|${fragment.receiverTag}`
    const earlier = this.#series.get(name)?.get(tags)
    if (fragment.index === 1) {
      if (earlier !== undefined) this.#abandon(earlier)
      if (fragment.whole !== undefined) return { outcome: 'released', stanzas: [stanza], message: fragment.whole }
      return this.#start(conversation, name, tags, fragment, stanza)
    }
    if (earlier === undefined) return { outcome: 'refused', reason: 'no first fragment' }
    return this.#continue(earlier, fragment, stanza, keys)
  }

  /** A message that is no fragment ends what was begun in its conversation. */
  interrupt(conversation: Conversation): void {
    if (this.#count === 0) return
    for (const series of this.#series.get(conversationName(conversation))?.values() ?? []) this.#abandon(series)
  }

  #start(conversation: Conversation, name: string, tags: string, first: Fragment, stanza: Stanza): Outcome<Stanza> {
    const { sender } = conversation
    const senders = this.#perSender.get(sender) ?? 0
    if (this.#count >= MOST_SERIES || senders >= MOST_SERIES_PER_SENDER || this.#held + cost(first) > MOST_HELD) {
      return { outcome: 'refused', reason: 'too many fragments held' }
    }
    const series: Series<Stanza> = {
      name, tags, sender, first, failed: false,
      pieces: [first.piece], stanzas: [stanza], length: first.piece.length, held: cost(first),
      deadline: this.#clock.after(HOLD_MILLISECONDS, () => this.#abandon(series)),
    }
    const conversations = this.#series.get(name)
    if (conversations === undefined) this.#series.set(name, new Map([[tags, series]]))
    else conversations.set(tags, series)
    this.#perSender.set(sender, senders + 1)
    this.#count++
    this.#held += series.held
    return { outcome: 'held' }
  }

  #continue(series: Series<Stanza>, fragment: Fragment, stanza: Stanza, keys: KeyMemory | undefined): Outcome<Stanza> {
    const last = fragment.index === fragment.total
    if (series.failed) {
      if (last) this.#end(series)
      return { outcome: 'ignored' }
    }
    const flaw = this.#flaw(series, fragment)
    if (flaw !== undefined) return this.#fail(series, last, flaw)
    series.pieces.push(fragment.piece)
    series.stanzas.push(stanza)
    series.length += fragment.piece.length
    series.held += cost(fragment)
    this.#held += cost(fragment)
    if (!last) return { outcome: 'held' }

    const message = readEncoded(series.pieces.join(''), this.#settings, keys)
    if (message.kind !== 'encoded') return this.#fail(series, last, message.reason)
    if (!areAddressedAlike(message, series.first)) return this.#fail(series, last, 'fragment header differs')
    const { stanzas } = series
    this.#end(series)
    return { outcome: 'released', stanzas, message }
  }

  #flaw(series: Series<Stanza>, fragment: Fragment): string | undefined {
    if (fragment.total !== series.first.total || fragment.index !== series.pieces.length + 1) return 'out of order'
    if (series.length + fragment.piece.length > this.#settings.maximumBody) return 'too long'
    if (this.#held + cost(fragment) > MOST_HELD) return 'too many fragments held'
    // While the pieces together are shorter than a beginning, there are only a few of them.
    const begun = series.length < BEGINNING_CHARACTERS ? series.pieces.join('') + fragment.piece : ''
    return beginsLikeMessage(begun, series.first.version) ? undefined : 'no beginning of a message'
  }

  /** Nothing stays of it but that the sender was told. */
  #fail(series: Series<Stanza>, last: boolean, reason: string): Outcome<Stanza> {
    this.#held -= series.held
    series.failed = true
    series.held = 0
    series.pieces = []
    series.stanzas = []
    if (last) this.#end(series)
    return { outcome: 'refused', reason }
  }

  /** Time is up, or the sender went on to something else. A series that failed has had its error. */
  #abandon(series: Series<Stanza>): void {
    this.#end(series)
    const [first] = series.stanzas
    if (first !== undefined) this.#abandoned(first)
  }

  #end(series: Series<Stanza>): void {
    series.deadline.cancel()
    this.#held -= series.held
    this.#count--
    const conversations = this.#series.get(series.name)
    conversations?.delete(series.tags)
    if (conversations?.size === 0) this.#series.delete(series.name)
    const senders = (this.#perSender.get(series.sender) ?? 1) - 1
    if (senders === 0) this.#perSender.delete(series.sender)
    else this.#perSender.set(series.sender, senders)
  }
}

/** The fragments of one message, in their order. */
interface Series<Stanza> {
  readonly name: string
  readonly tags: string
  readonly sender: string
  readonly first: Fragment
  readonly deadline: Timer
  pieces: string[]
  stanzas: Stanza[]
  /** Characters of all pieces. */
  length: number
  held: number
  /** The sender was told; the rest of it is ignored. */
  failed: boolean
}

function cost(fragment: Fragment): number {
  return fragment.piece.length + STANZA_COST
}

function conversationName({ from, to }: Conversation): string {
  return `${from}\n${to}`
}
