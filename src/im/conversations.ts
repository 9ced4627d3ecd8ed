import type { Peeked } from '../otr/peek.ts'
import type { Session } from '../routing/sessions.ts'
import type { Jid } from '../xmpp/jid.ts'

/** Of each session are remembered at most this many instance tags: a client has one for each of its OTR accounts. */
const TAGS = 16
/** Of each session are remembered at most this many contacts it wrote to. */
const CONTACTS = 256

interface Memory {
  /** Instance tag to when it was last used. */
  readonly tags: Map<number, number>
  /** Bare JID of a contact to when the session last wrote to it. */
  readonly contacts: Map<string, number>
  /** The same of messages in version 2, whose conversations have no tags to be told apart by. */
  readonly untagged: Map<string, number>
}

/**
 * Which resource holds which OTR conversation, learned from what each session sends: the keys of a conversation are in
 * one client alone, and a message for it is unreadable anywhere else.
 *
 * Nothing is stored, and what is known of a session dies with it.
 */
export class Conversations {
  readonly #memories = new WeakMap<Session, Memory>()
  /** Counts what was sent, so that 'last' needs no clock. */
  #turn = 0

  learn(session: Session, contact: Jid, body: Peeked): void {
    let memory = this.#memories.get(session)
    if (memory === undefined) this.#memories.set(session, memory = { tags: new Map(), contacts: new Map(), untagged: new Map() })
    this.#turn++
    const key = contact.bare.toString()
    remember(memory.contacts, key, this.#turn, CONTACTS)
    if ('version' in body && body.version === 2) remember(memory.untagged, key, this.#turn, CONTACTS)
    const tag = 'senderTag' in body ? body.senderTag : undefined
    if (tag !== undefined) remember(memory.tags, tag, this.#turn, TAGS)
  }

  /** The session that last sent with this instance tag. */
  holder(sessions: readonly Session[], tag: number): Session | undefined {
    return this.#latest(sessions, (memory) => memory.tags.get(tag))
  }

  /** The session that last wrote to this contact in version 2, else the one that last wrote to it at all. */
  untaggedWith(sessions: readonly Session[], contact: Jid): Session | undefined {
    const key = contact.bare.toString()
    return this.#latest(sessions, (memory) => memory.untagged.get(key)) ?? this.lastWith(sessions, contact)
  }

  /** The session that last wrote to this contact. */
  lastWith(sessions: readonly Session[], contact: Jid): Session | undefined {
    const key = contact.bare.toString()
    return this.#latest(sessions, (memory) => memory.contacts.get(key))
  }

  #latest(sessions: readonly Session[], turnOf: (memory: Memory) => number | undefined): Session | undefined {
    let latest: Session | undefined
    let latestTurn = 0
    for (const session of sessions) {
      const memory = this.#memories.get(session)
      const turn = memory === undefined ? undefined : turnOf(memory)
      if (turn !== undefined && turn > latestTurn) {
        latest = session
        latestTurn = turn
      }
    }
    return latest
  }
}

/** Puts the key last; the one that was not used for the longest time goes. */
function remember<K>(turns: Map<K, number>, key: K, turn: number, most: number): void {
  turns.delete(key)
  turns.set(key, turn)
  if (turns.size <= most) return
  for (const oldest of turns.keys()) {
    turns.delete(oldest)
    return
  }
}
