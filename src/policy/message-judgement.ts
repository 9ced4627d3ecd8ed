import type { Encoded, OtrSettings } from '../otr/classified.ts'
import { Fragments, type Conversation } from '../otr/fragments.ts'
import { KnownKeys } from '../otr/known-keys.ts'
import { classify } from '../otr/message.ts'
import { rebuildAvatarEvent } from '../pep/avatar.ts'
import { Envelope } from '../routing/envelope.ts'
import { DROP, type Host, type Verdict } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { errorReply, StanzaError } from '../xmpp/stanza-error.ts'
import { holdsOtherContent, isSignal, messageChildren } from './message-children.ts'
import type { OtrAudit } from './otr-audit.ts'
import { rebuildError } from './rebuild-error.ts'
import type { Refusals } from './refusals.ts'
import { rebuild } from './shapes.ts'

type Needed = Pick<Host, 'audience' | 'clock' | 'domains' | 'router'>

/** Which messages pass, and in what form: a valid OTR body with allowed children, or allowed children alone. */
export class MessageJudgement {
  readonly #audience: Host['audience']
  readonly #domains: Host['domains']
  readonly #router: Host['router']
  readonly #audit: OtrAudit | undefined
  readonly #settings: OtrSettings
  readonly #refusals: Refusals
  readonly #fragments: Fragments<Envelope>
  readonly #knownKeys = new KnownKeys()

  /** @param audit undefined where nothing is audited */
  constructor(
    { audience, clock, domains, router }: Needed, settings: OtrSettings, refusals: Refusals, audit: OtrAudit | undefined,
  ) {
    this.#audience = audience
    this.#domains = domains
    this.#router = router
    this.#audit = audit
    this.#settings = settings
    this.#refusals = refusals
    this.#fragments = new Fragments(clock, settings, (first) => this.#giveUp(first))
  }

  judge(envelope: Envelope): Verdict {
    const { element: message, type, origin } = envelope
    if (type === 'error') return { deliver: [rebuildError(envelope)] }
    const bodies = message.elements().filter((child) => child.is('body', NS_CLIENT))
    const text = bodies[0]?.content() ?? ''
    const isMute = text === '' && bodies.length < 2
    if (type === 'groupchat') return isMute && !holdsOtherContent(message) ? DROP : this.#refusals.groupChat(envelope)
    if (isMute) return this.#judgeWithoutBody(envelope)
    // A headline is never answered to another server, where nobody may have written it (RFC 6121 §8.5.2.1.1).
    if (type === 'headline') return origin === 'client' ? this.#refusals.unencrypted(envelope) : DROP
    // Several bodies, in several languages, are several texts; OTR is in none.
    if (bodies.length > 1) return this.#refusals.unencrypted(envelope)
    return this.#judgeBody(envelope, text)
  }

  #judgeBody(envelope: Envelope, body: string): Verdict {
    const conversation = this.#conversation(envelope)
    const keys = body.startsWith('?OTR') ? this.#knownKeys.of(conversation.from, conversation.to) : undefined
    const classified = classify(body, this.#settings, keys)
    if (classified.kind === 'fragment') {
      const rebuilt = envelope.carrying(withBody(envelope, body))
      const outcome = this.#fragments.offer(conversation, classified, rebuilt, keys)
      switch (outcome.outcome) {
        case 'held': return { deliver: [] }
        case 'released':
          return this.#judgeEncoded(envelope, outcome.message, outcome.stanzas.map(({ element: held }) => held))
        case 'refused': return this.#refusals.unencrypted(envelope)
        case 'ignored': return DROP
      }
    }
    this.#fragments.interrupt(conversation)
    switch (classified.kind) {
      case 'encoded': return this.#judgeEncoded(envelope, classified, [withBody(envelope, body)])
      case 'query':
      case 'error': return { deliver: [withBody(envelope, classified.canonical)] }
      default: return this.#refusals.unencrypted(envelope)
    }
  }

  /** A message that was begun in fragments and not ended: its sender is told now, as no verdict on it is awaited. */
  #giveUp(first: Envelope): void {
    const verdict = this.#refusals.unencrypted(first)
    if (!(verdict instanceof StanzaError)) return
    const { element: message, from, to, origin } = first
    if (origin === 'client') return this.#router.bounce(first, verdict)
    this.#router.forward(new Envelope(errorReply(message, verdict, to, from), to, from, true, 'server', undefined))
  }

  #conversation(envelope: Envelope): Conversation {
    const { from, to } = envelope
    const side = this.#domains.sideOf(envelope)
    return { from: `${side} ${from}`, to: to.toString(), sender: `${side} ${from.bare}` }
  }

  /** A whole message, and the stanzas that carry it. */
  #judgeEncoded(envelope: Envelope, message: Encoded, stanzas: readonly Element[]): Verdict {
    const passes = this.#audit?.passes(envelope, message) ?? true
    return passes ? { deliver: stanzas } : this.#refusals.unencrypted(envelope)
  }

  /** Chat states, receipts and their like. Silence is never answered: it may be a client's answer to silence. */
  #judgeWithoutBody(envelope: Envelope): Verdict {
    const children = messageChildren(envelope)
    if (holdsOtherContent(envelope.element) && !children.some(isSignal)) return this.#refusals.unencrypted(envelope)
    const event = this.#maySendEvents(envelope) ? rebuildAvatarEvent(envelope.element) : undefined
    if (event !== undefined) children.push(event)
    return children.length === 0 ? DROP : { deliver: [rebuild(envelope, typeOf(envelope), ...children)] }
  }

  /** XEP-0163 §4.3: notifications come from a contact's bare JID, which the contact's server speaks for, and ours for its own. */
  #maySendEvents({ origin, from, to }: Envelope): boolean {
    if (!from.isBare || from.local === '') return false
    return origin === 'server' || (origin === 'remote' && this.#audience.follows(to, from))
  }
}

function withBody(envelope: Envelope, body: string): Element {
  return rebuild(envelope, typeOf(envelope), element(NS_CLIENT, 'body', {}, body), ...messageChildren(envelope))
}

/** RFC 6121 §5.2.2: an unknown type counts as normal, the default. */
function typeOf({ type }: Envelope): string | undefined {
  return type === 'chat' || type === 'headline' ? type : undefined
}
