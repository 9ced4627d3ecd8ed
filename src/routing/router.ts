import type { Log } from '../log.ts'
import { StoreError } from '../store/store-error.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { errorReply, mayBeAnswered, StanzaError } from '../xmpp/stanza-error.ts'
import type { ServedDomains } from './domains.ts'
import { Envelope } from './envelope.ts'
import { ANSWERED, DROP, EMPTY, type AccountDirectory, type IqAnswer, type Rule, type StanzaRouter, type Verdict } from './extension.ts'
import type { HandlerTables } from './handler-tables.ts'
import type { Requests } from './requests.ts'
import type { Sessions } from './sessions.ts'

export interface RouterParts {
  readonly tables: HandlerTables
  readonly domains: ServedDomains
  readonly sessions: Sessions
  readonly requests: Requests
  readonly accounts: AccountDirectory
  readonly log: Log
}

const BAD_REQUEST = new StanzaError('bad-request')
const FORBIDDEN = new StanzaError('forbidden')
const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')
const REMOTE_SERVER_NOT_FOUND = new StanzaError('remote-server-not-found')

/**
 * The way of every stanza: policy, outgoing rules, then another domain or incoming rules, observers, delivery.
 *
 * From `submit` to the last `send` it is one synchronous call stack, so order within a stream is kept by construction
 * (RFC 6120 §10.1); only IQ handlers may answer later. Nothing here throws: a bug in a rule or handler is logged and
 * refuses the stanza with internal-server-error, so every rule fails closed.
 */
export class Router implements StanzaRouter {
  readonly #tables: HandlerTables
  readonly #domains: ServedDomains
  readonly #sessions: Sessions
  readonly #requests: Requests
  readonly #accounts: AccountDirectory
  readonly #log: Log

  constructor({ tables, domains, sessions, requests, accounts, log }: RouterParts) {
    this.#tables = tables
    this.#domains = domains
    this.#sessions = sessions
    this.#requests = requests
    this.#accounts = accounts
    this.#log = log
  }

  submit(envelope: Envelope): void {
    if (envelope.kind === 'iq' && !isWellShaped(envelope.element)) return this.#refuse(envelope, BAD_REQUEST)
    this.#judge(this.#tables.policy[envelope.kind], 0, envelope, this.#leave)
  }

  forward(envelope: Envelope): void {
    this.#leave(envelope)
  }

  /** By no rule: it is this server that tells, whoever the stanza was for, a blocked one or an unlinked one of ours. */
  bounce({ element: stanza, from, to }: Envelope, error: StanzaError): void {
    if (mayBeAnswered(stanza)) this.#arrive(new Envelope(errorReply(stanza, error, to, from), to, from, true, 'server', undefined))
  }

  /** Asks each rule from the `first` on; what passes all of them goes `onward`. */
  #judge(rules: readonly Rule[], first: number, envelope: Envelope, onward: (envelope: Envelope) => void): void {
    for (let index = first; index < rules.length; index++) {
      const verdict = this.#verdict(rules[index] as Rule, envelope) // index < length
      if (verdict === undefined) continue
      if (verdict === DROP) return
      if (verdict instanceof StanzaError) return this.#refuse(envelope, verdict)
      for (const rebuilt of verdict.deliver) this.#judge(rules, index + 1, envelope.carrying(rebuilt), onward)
      return
    }
    onward(envelope)
  }

  #verdict(rule: Rule, envelope: Envelope): Verdict {
    try {
      return rule.judge(envelope)
    } catch (cause) {
      return this.#bug('router.rule-failed', cause)
    }
  }

  readonly #leave = (envelope: Envelope): void => {
    const { from, origin } = envelope
    // A domain of ours that is not linked to the addressee's is another server: its rules were asked where it left.
    if (from.local === '' || origin === 'remote' || !this.#domains.serves(from.domain)) return this.#route(envelope)
    this.#judge(this.#tables.outgoing[envelope.kind], 0, envelope, this.#route)
  }

  readonly #route = (envelope: Envelope): void => {
    if (!envelope.directed && envelope.kind === 'presence') return this.#broadcast(envelope)
    const { from, to, origin } = envelope
    // What came from another server has arrived, even if that was a domain of ours: nothing is sent the same way twice.
    if (this.#domains.links(from.domain, to.domain) || (origin === 'remote' && this.#domains.serves(to.domain))) {
      return this.#judge(this.#tables.incoming[envelope.kind], 0, envelope, this.#arrive)
    }
    const remote = this.#tables.remote(from.domain, to.domain)
    const refusal = remote === undefined ? REMOTE_SERVER_NOT_FOUND : this.#guarded(() => remote.send(envelope))
    if (refusal !== undefined) this.#refuse(envelope, refusal)
  }

  #broadcast(envelope: Envelope): void {
    const { session } = envelope
    const wasAvailable = session?.presence !== undefined
    const refusal = this.#guarded(() => this.#tables.delivery?.broadcast(envelope))
    if (refusal !== undefined) return this.#refuse(envelope, refusal)
    if (session?.presence !== undefined && !wasAvailable) this.#tables.session.available(session)
  }

  readonly #arrive = (envelope: Envelope): void => {
    this.#tables.observe(envelope)
    if (envelope.kind === 'iq' && envelope.to.isBare) return this.#iq(envelope)
    const { delivery } = this.#tables
    const refusal = delivery === undefined ? SERVICE_UNAVAILABLE : this.#guarded(() => delivery.deliver(envelope))
    if (refusal !== undefined) this.#refuse(envelope, refusal)
  }

  /** An IQ to a served domain or to an account as such: the server answers (RFC 6121 §8.5.2.1.3), for the account. */
  #iq(envelope: Envelope): void {
    const { element: stanza, from, to, type, session } = envelope
    if (type !== 'get' && type !== 'set') {
      this.#requests.settle(stanza, from, to)
      return
    }
    const [payload] = stanza.elements()
    if (payload === undefined) return this.#refuse(envelope, BAD_REQUEST)
    const at = to.local === '' ? 'server' : 'account'
    const route = this.#tables.iq(at, type, payload.namespace, payload.name)
    // The same answers whether the payload is unknown or the account is: nobody can try out who has an account.
    if (route === undefined) return this.#refuse(envelope, SERVICE_UNAVAILABLE)
    if (at === 'account' && !from.bare.equals(to)) {
      // DEVIATION: RFC 6121 §8.5.1 wants service-unavailable where there is no such account, §2.3.3 forbidden where there is.
      if (route.at === 'own') return this.#refuse(envelope, FORBIDDEN)
      if (!this.#accounts.exists(to)) return this.#refuse(envelope, SERVICE_UNAVAILABLE)
    }
    try {
      const answer = route.handle({ envelope, from, to, payload, session })
      if (!(answer instanceof Promise)) return this.#answer(envelope, answer)
      answer.then(
        (later) => this.#answer(envelope, later),
        (cause: unknown) => this.#refuse(envelope, this.#bug('router.handler-failed', cause)),
      )
    } catch (cause) {
      this.#refuse(envelope, this.#bug('router.handler-failed', cause))
    }
  }

  #answer(envelope: Envelope, answer: IqAnswer): void {
    if (answer === ANSWERED) return
    if (answer instanceof StanzaError) return this.#refuse(envelope, answer)
    const { element: request, from, to } = envelope
    this.#reply(envelope, element(NS_CLIENT, 'iq',
      { type: 'result', id: request.attrs['id'], from: to.toString(), to: from.toString() },
      answer === EMPTY ? undefined : answer))
  }

  #refuse(envelope: Envelope, error: StanzaError): void {
    if (!mayBeAnswered(envelope.element)) return
    this.#reply(envelope, errorReply(envelope.element, error, envelope.to, envelope.from))
  }

  /** Back to the sender; what cannot reach it is dropped, as a reply has no reply. */
  #reply({ session, origin, from, to }: Envelope, reply: Element): void {
    if (session !== undefined) return session.send(reply)
    if (origin !== 'remote' && this.#domains.serves(from.domain)) return this.#sessions.get(from)?.send(reply)
    this.#guarded(() => this.#tables.remote(to.domain, from.domain)?.send(new Envelope(reply, to, from, true, 'server', undefined)))
  }

  #guarded(work: () => StanzaError | undefined): StanzaError | undefined {
    try {
      return work()
    } catch (cause) {
      return this.#bug('router.delivery-failed', cause)
    }
  }

  /**
   * A bug of ours: the stack goes to the log, and an id that names nobody joins it to what the sender was told. A disk
   * that is full or failing is none: it may go on later (RFC 6120 §8.3.3.18).
   */
  #bug(event: string, cause: unknown): StanzaError {
    const id = randomIdentifier(6)
    if (cause instanceof StoreError) {
      this.#log.error('store.failed', { part: 'routing', condition: cause.code, id })
      return new StanzaError('resource-constraint', { text: `It could not be stored. The operator's log has more about ${id}.` })
    }
    this.#log.error(event, { part: 'routing', condition: 'internal-server-error', id }, cause)
    return new StanzaError('internal-server-error', { text: `The operator's log has more about ${id}.` })
  }
}

/** RFC 6120 §8.2.3: an id always; one child for a request, at most one for a result. */
function isWellShaped(iq: Element): boolean {
  if (iq.attrs['id'] === undefined) return false
  switch (iq.attrs['type']) {
    case 'get':
    case 'set': return countElements(iq) === 1
    case 'result': return countElements(iq) <= 1
    case 'error': return true
    default: return false
  }
}

function countElements(parent: Element): number {
  let count = 0
  for (const node of parent.children) if (typeof node !== 'string') count++
  return count
}
