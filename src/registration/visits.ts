import { Buffer } from 'node:buffer'
import type { ServedDomain, ServedDomains } from '../routing/domains.ts'
import { ANSWERED, EMPTY, type IqAnswer } from '../routing/extension.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Applicant, Application } from './application.ts'
import { refusal } from './refusal.ts'

/** A bit of binary (XEP-0231) that whoever fills in the form may fetch. */
export interface Picture {
  readonly cid: string
  readonly bytes: Buffer
}

/** What is known of a stream on which somebody asks for an account; gone with the stream. */
export interface Visit extends Applicant {
  /** Of an invitation that was shown here, and was good then (XEP-0445 §4). */
  invited: { readonly right: Required<Pick<Application, 'token' | 'invitedAt'>>, readonly name: string | undefined } | undefined
  /** Of the challenge that was given out last. */
  picture: Picture | undefined
  /** An account was made; the next thing to do is to log in to it. */
  registered: boolean
  requests: number
  failures: number
}

/** An IQ of a client that has not logged in. */
export interface EarlyIq {
  readonly type: 'get' | 'set'
  readonly id: string
  readonly payload: Element
  readonly visit: Visit
}

/** Forms, pictures, tokens and tries together. */
const REQUESTS_PER_STREAM = 30
/** Refused tries: as with passwords, whoever guesses has to come again. */
const FAILURES_PER_STREAM = 5
/** How long somebody may look for words for the form; a challenge may be good for less. */
const FORM_MILLISECONDS = 600_000

/**
 * Hears what a client asks before it logs in, and answers. XEP-0077 §3.1.1 allows to refuse who tries too often, and
 * what is asked on one stream is bounded.
 */
export class Visits {
  readonly #domains: ServedDomains
  readonly #visits = new WeakMap<Stream, Visit>()
  /** Streams that were given time to fill in a form, of each domain. */
  readonly #patient = new WeakMap<ServedDomain, Set<Stream>>()

  constructor(domains: ServedDomains) {
    this.#domains = domains
  }

  /** The domain that a stream was opened to. */
  domainOf(stream: Stream): ServedDomain {
    const domain = this.#domains.get(stream.domain)
    if (domain === undefined) throw new StreamError('host-unknown') // or the stream would not be open
    return domain
  }

  /** Where an answer takes long, what comes meanwhile breaks the stream. @throws StreamError after too much of it */
  hear(stream: Stream, iq: Element, handle: (iq: EarlyIq) => IqAnswer | Promise<IqAnswer>): 'pending' | Promise<'pending'> {
    const visit = this.#visit(stream)
    if (++visit.requests > REQUESTS_PER_STREAM) throw new StreamError('policy-violation', 'Too many requests before the login.')
    const read = this.#read(stream, iq, visit)
    if (read instanceof StanzaError) return answer(stream, iq, visit, read)
    const given = handle(read)
    return given instanceof Promise ? given.then((later) => answer(stream, iq, visit, later)) : answer(stream, iq, visit, given)
  }

  /** Somebody fills in a form, for which the time to log in is short. */
  wait(stream: Stream): void {
    const domain = this.domainOf(stream)
    const patient = this.#patient.get(domain) ?? new Set<Stream>()
    this.#patient.set(domain, patient)
    for (const one of patient) if (!one.open || !one.negotiating) patient.delete(one)
    // Or whoever asks for forms and leaves them would take the places of those who log in.
    if (!patient.has(stream) && patient.size >= Math.ceil(stream.settings.limits.streams_before_login / 10)) return
    patient.add(stream)
    stream.loginBy = stream.settings.liveness.now + FORM_MILLISECONDS
  }

  /** The account is made: the stream waits as long as any for its login. */
  registered(stream: Stream): void {
    const visit = this.#visit(stream)
    visit.registered = true
    visit.invited = visit.picture = undefined
    stream.loginBy = stream.settings.liveness.now + stream.settings.limits.time_to_login
    this.#patient.get(this.domainOf(stream))?.delete(stream)
  }

  #visit(stream: Stream): Visit {
    const known = this.#visits.get(stream)
    if (known !== undefined) return known
    const visit: Visit = {
      domain: this.domainOf(stream), peer: stream.connection.peer,
      invited: undefined, picture: undefined, registered: false, requests: 0, failures: 0,
    }
    this.#visits.set(stream, visit)
    return visit
  }

  #read(stream: Stream, iq: Element, visit: Visit): EarlyIq | StanzaError {
    const { type, id, to } = iq.attrs
    if (type !== 'get' && type !== 'set') throw new StreamError('not-authorized') // an answer, and nobody asked
    const [payload, ...others] = iq.elements()
    if (id === undefined || payload === undefined || others.length > 0) return refusal('bad-request')
    // Whatever else is served here, or is not, is not asked on this stream.
    if (to !== undefined && Jid.parse(to)?.toString() !== stream.domain) return refusal('service-unavailable')
    return { type, id, payload, visit }
  }
}

/** After too many refusals the stream ends, as after failed logins (RFC 6120 §6.4.5). @throws StreamError */
function answer(stream: Stream, iq: Element, visit: Visit, given: IqAnswer): 'pending' {
  const { type, id, to } = iq.attrs
  // RFC 6120 §8.1.2.2: to a client that is nobody yet the server need not say who it is, but where it was asked by name.
  const address = { id, from: to === undefined ? undefined : stream.domain }
  if (!(given instanceof StanzaError)) {
    const content = given === EMPTY || given === ANSWERED ? undefined : given
    stream.send(element(NS_CLIENT, 'iq', { type: 'result', ...address }, content))
    return 'pending'
  }
  stream.send(element(NS_CLIENT, 'iq', { type: 'error', ...address }, given.toElement(NS_CLIENT)))
  if (type === 'set' && ++visit.failures >= FAILURES_PER_STREAM) {
    throw new StreamError('policy-violation', 'Too many failed attempts to get an account.')
  }
  return 'pending'
}
