import type { Session } from '../routing/sessions.ts'
import type { Jid } from '../xmpp/jid.ts'

/** A session shares its presence with at most this many entities besides its subscribers. */
export const DIRECTED_PRESENCES = 200

const NOBODY: ReadonlyMap<string, Jid> = new Map()

/**
 * To whom each session sent directed presence (RFC 6121 §4.6): they must learn when it becomes unavailable, and may
 * ask it as a subscriber may. The memory of a session dies with it.
 */
export class DirectedPresence {
  readonly #recipients = new WeakMap<Session, Map<string, Jid>>()

  /** False where the session's list is full. */
  add(session: Session, to: Jid): boolean {
    let recipients = this.#recipients.get(session)
    if (recipients === undefined) this.#recipients.set(session, recipients = new Map())
    if (recipients.size >= DIRECTED_PRESENCES && !recipients.has(to.toString())) return false
    recipients.set(to.toString(), to)
    return true
  }

  remove(session: Session, to: Jid): void {
    this.#recipients.get(session)?.delete(to.toString())
  }

  /** Did it send directed presence to exactly this JID, or to the bare JID of it? */
  has(session: Session, entity: Jid): boolean {
    const recipients = this.#recipients.get(session)
    return recipients !== undefined && (recipients.has(entity.toString()) || recipients.has(entity.bare.toString()))
  }

  of(session: Session): ReadonlyMap<string, Jid> {
    return this.#recipients.get(session) ?? NOBODY
  }

  clear(session: Session): void {
    this.#recipients.delete(session)
  }
}
