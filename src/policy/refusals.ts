import type { Clock } from '../clock.ts'
import type { Version } from '../otr/header.ts'
import { canonicalQuery } from '../otr/query.ts'
import type { Envelope } from '../routing/envelope.ts'
import { DROP, type Verdict } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { StanzaError, type StanzaErrorDetail } from '../xmpp/stanza-error.ts'

/** Our own application-specific condition (RFC 6120 §8.3.4), for programs: what has to be sent instead. */
export const NS_OTR_REQUIRED = 'urn:sotto:otr-required:0'

const REMOTE_INTERVAL_MILLISECONDS = 30_000
const MOST_REMOTE_PAIRS = 10_000

const SHOWN = '[not sent: OTR required]'

const UNENCRYPTED: StanzaErrorDetail = {
  text: 'Unencrypted messages are not allowed on this server. Start an OTR session first.',
}
const GROUP_CHAT: StanzaErrorDetail = {
  type: 'cancel',
  text: 'Group chats cannot be encrypted with OTR and are not allowed on this server.',
}

/**
 * Refuses messages. Our own clients are told each time, in words of ours, with a body as well: mcabber and Pidgin
 * show an error in the conversation only where it has one. Senders elsewhere are told without a body, and once in
 * 30 s for a sender and an addressee: their server may be one that answers errors.
 */
export class Refusals {
  readonly #clock: Clock
  readonly #application: Element
  /** By sender and addressee, when they were told; in the order of time. */
  readonly #told = new Map<string, number>()

  /** @param versions those that may be spoken instead */
  constructor(clock: Clock, versions: readonly Version[]) {
    this.#clock = clock
    this.#application = element(NS_OTR_REQUIRED, 'otr-required',
      { versions: versions.join(''), query: canonicalQuery(versions) })
  }

  unencrypted(envelope: Envelope): Verdict {
    return this.#refuse(envelope, UNENCRYPTED)
  }

  groupChat(envelope: Envelope): Verdict {
    return this.#refuse(envelope, GROUP_CHAT)
  }

  #refuse(envelope: Envelope, words: StanzaErrorDetail): Verdict {
    const detail = { ...words, application: this.#application }
    if (envelope.origin === 'client') return new StanzaError('policy-violation', { ...detail, body: SHOWN })
    return this.#mayTell(envelope) ? new StanzaError('policy-violation', detail) : DROP
  }

  #mayTell({ from, to }: Envelope): boolean {
    const now = this.#clock.elapsed()
    for (const [pair, at] of this.#told) {
      if (now - at < REMOTE_INTERVAL_MILLISECONDS) break
      this.#told.delete(pair)
    }
    const pair = `${from.bare}\n${to.bare}`
    if (this.#told.has(pair) || this.#told.size >= MOST_REMOTE_PAIRS) return false
    this.#told.set(pair, now)
    return true
  }
}
