import { peek, type Peeked } from '../otr/peek.ts'
import type { Audience } from '../routing/audience.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Delivery, Verdict } from '../routing/extension.ts'
import type { Session, Sessions } from '../routing/sessions.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { Conversations } from './conversations.ts'
import { isSubscriptionType, type Handshake } from './handshake.ts'
import type { Presence } from './presence.ts'

const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')
const BAD_REQUEST = new StanzaError('bad-request')

/** The last step of every stanza for this server's accounts and addresses (RFC 6121 §8.5). */
export class LocalDelivery implements Delivery {
  readonly #sessions: Sessions
  readonly #presence: Presence
  readonly #handshake: Handshake
  readonly #conversations: Conversations

  constructor(sessions: Sessions, presence: Presence, handshake: Handshake, conversations: Conversations) {
    this.#sessions = sessions
    this.#presence = presence
    this.#handshake = handshake
    this.#conversations = conversations
  }

  deliver(envelope: Envelope): StanzaError | undefined {
    switch (envelope.kind) {
      case 'message': return this.#message(envelope)
      case 'presence': return this.#presenceFor(envelope)
      case 'iq': return this.#iq(envelope)
    }
  }

  broadcast(envelope: Envelope): StanzaError | undefined {
    return this.#presence.broadcast(envelope)
  }

  befriend(one: Jid, other: Jid): Promise<void> {
    return this.#handshake.befriend(one, other)
  }

  get audience(): Audience {
    return this.#presence
  }

  /** An outgoing rule that passes everything, and learns which session holds which conversation. */
  learn({ element: stanza, to, session }: Envelope): Verdict {
    const body = session === undefined ? undefined : stanza.childContent('body', NS_CLIENT)
    const otr = body === undefined ? undefined : peek(body)
    if (session !== undefined && otr !== undefined) this.#conversations.learn(session, to, otr)
    return undefined
  }

  /**
   * §8.5.2.1.1, §8.5.2.2.1, §8.5.3. An account that does not exist and one that is not there get the same answers:
   * who exists is not even looked up. Nothing is stored for later: an OTR message is unreadable by then.
   */
  #message(envelope: Envelope): StanzaError | undefined {
    const { element: stanza, to, type } = envelope
    const addressee = to.isBare ? undefined : this.#sessions.get(to)
    if (addressee !== undefined) {
      addressee.send(stanza)
      return undefined
    }
    if (type === 'error') return undefined
    if (type === 'groupchat') return SERVICE_UNAVAILABLE
    const body = stanza.childContent('body', NS_CLIENT)
    const otr = body === undefined ? undefined : peek(body)
    const recipients = mayFallBack(to, type, otr) ? this.#recipients(envelope, otr) : []
    for (const session of recipients) session.send(stanza)
    // A headline must not get an answer. DEVIATION: RFC 6121 §8.5.3.2.1 wants one for a chat message that nobody gets; chat states
    // and receipts, which have no text, get none: nobody reads it, and clients show it as if something were lost.
    return recipients.length > 0 || body === undefined || type === 'headline' ? undefined : SERVICE_UNAVAILABLE
  }

  /** Which of the resources that may be written to, those available with a priority of 0 or more, get the message. */
  #recipients({ from, to, type }: Envelope, otr: Peeked | undefined): readonly Session[] {
    const able = [...this.#sessions.of(to).values()].filter((session) => session.presence !== undefined && session.priority >= 0)
    if (able.length < 2 || type === 'headline') return able
    switch (otr?.kind) {
      case 'query':
        // A fan-out of version 2, which has no instance tags, makes sessions that destroy each other.
        return otr.versions.some((version) => version > 2) ? able : mostAvailable(able)
      case 'encoded':
      case 'fragment': {
        const holder = otr.receiverTag === undefined
          ? this.#conversations.untaggedWith(able, from) ?? mostAvailable(able)
          : this.#conversations.holder(able, otr.receiverTag) ?? able
        return 'send' in holder ? [holder] : holder
      }
    }
    const last = this.#conversations.lastWith(able, from)
    return last === undefined ? mostAvailable(able) : [last]
  }

  #presenceFor(envelope: Envelope): StanzaError | undefined {
    const { element: stanza, to, type } = envelope
    if (to.local === '') return undefined // the server's own addresses see nobody's presence (§8.4)
    if (type === '' || type === 'unavailable') this.#presence.deliver(envelope)
    else if (isSubscriptionType(type)) this.#handshake.arrive(envelope)
    else if (type === 'probe') this.#presence.answer(envelope)
    else if (type !== 'error') return BAD_REQUEST // §4.7.1
    else if (to.isBare) this.#handshake.refused(envelope)
    else this.#sessions.get(to)?.send(stanza)
    return undefined
  }

  /** To a full JID (§8.5.3); the router answers those to bare JIDs. */
  #iq({ element: stanza, from, to, type }: Envelope): StanzaError | undefined {
    const addressee = this.#sessions.get(to)
    const isRequest = type === 'get' || type === 'set'
    // §8.5.3.1: a request by one who may not know that the resource is there gets what it would get if it were not.
    if (addressee === undefined || (isRequest && !this.#presence.isSharedBy(addressee, from))) return SERVICE_UNAVAILABLE
    addressee.send(stanza)
    return undefined
  }
}

/**
 * May a message for a resource that is gone go to another (§8.5.3.2.1: chat may)?
 * DEVIATION: RFC 6121 §8.5.3.2.1 has every chat message do so; what belongs to an OTR conversation is refused, as no other
 * resource can read it and most show it as rubbish or answer it with an error.
 */
function mayFallBack(to: Jid, type: string, otr: Peeked | undefined): boolean {
  if (to.isBare) return true
  return type === 'chat' && otr?.kind !== 'encoded' && otr?.kind !== 'fragment'
}

/** The one of highest priority, and of several the one that was bound last. */
function mostAvailable(sessions: readonly Session[]): readonly Session[] {
  let best: Session | undefined
  for (const session of sessions) if (best === undefined || session.priority >= best.priority) best = session
  return best === undefined ? [] : [best]
}
