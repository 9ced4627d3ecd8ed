import type { Clock } from '../clock.ts'
import type { ServedDomains } from '../routing/domains.ts'
import type { Envelope } from '../routing/envelope.ts'
import { DROP, type Verdict } from '../routing/extension.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { questionOf } from './iq-payloads.ts'
import { Outstanding } from './outstanding.ts'
import { rebuildError } from './rebuild-error.ts'
import { identifier, rebuild } from './shapes.ts'

const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')
const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const BAD_REQUEST = new StanzaError('bad-request')

/**
 * Which IQs pass. Those to this server, and a client's to its own account, go on as they are: handlers answer them,
 * and none of them reaches another person. Between people only a few questions are allowed, with results only to
 * who asked; everything else (file transfer, calls, publishing, forms) can carry text.
 */
export class IqAllowance {
  readonly #domains: ServedDomains
  readonly #outstanding: Outstanding

  constructor(domains: ServedDomains, clock: Clock) {
    this.#domains = domains
    this.#outstanding = new Outstanding(clock)
  }

  judge(envelope: Envelope): Verdict {
    if (this.#isForServer(envelope)) return undefined
    switch (envelope.type) {
      case 'get': return this.#judgeRequest(envelope)
      case 'result': return this.#judgeResult(envelope)
      case 'error': return this.#judgeError(envelope)
      default: return SERVICE_UNAVAILABLE
    }
  }

  #isForServer(envelope: Envelope): boolean {
    const { from, to, type, directed } = envelope
    if (!directed) return true
    if (!this.#isForThisServer(envelope)) return false
    if (to.local === '' || to.equals(from.bare)) return true
    // The router lets no answer to a bare JID go further than to the server's own requests.
    return to.isBare && (type === 'result' || type === 'error')
  }

  /** To a client, a domain served beside its own is another server, whose answers come in like all others. */
  #isForThisServer({ from, to, origin }: Envelope): boolean {
    return this.#domains.serves(to.domain) && (origin !== 'client' || to.domain === from.domain)
  }

  #judgeRequest(envelope: Envelope): Verdict {
    const [payload] = envelope.element.elements()
    const question = payload === undefined ? undefined : questionOf(payload)
    if (payload === undefined || question === undefined) return SERVICE_UNAVAILABLE
    const id = identifier(envelope.element.attrs['id'])
    if (id === undefined) return BAD_REQUEST
    const rebuilt = question.request(payload, envelope)
    if (rebuilt === undefined) return ITEM_NOT_FOUND
    // The server answers for its accounts: that answer is no stanza that comes by here.
    if (!envelope.to.isBare || !this.#isForThisServer(envelope)) {
      this.#outstanding.expect(this.#domains.sideOf(envelope), envelope.from, envelope.to, id, { question, payload: rebuilt })
    }
    return { deliver: [rebuild(envelope, 'get', rebuilt)] }
  }

  #judgeResult(envelope: Envelope): Verdict {
    const { element: stanza, from, to } = envelope
    const asked = this.#outstanding.settle(this.#domains.sideOf(envelope), from, to, stanza.attrs['id'] ?? '')
    if (asked === undefined) return DROP
    const [payload] = stanza.elements()
    if (payload === undefined) return { deliver: [rebuild(envelope, 'result')] }
    if (!payload.is(asked.question.name, asked.question.namespace)) return DROP
    return { deliver: [rebuild(envelope, 'result', asked.question.result(payload, asked.payload))] }
  }

  #judgeError(envelope: Envelope): Verdict {
    this.#outstanding.settle(this.#domains.sideOf(envelope), envelope.from, envelope.to, envelope.element.attrs['id'] ?? '')
    return { deliver: [rebuildError(envelope)] }
  }
}
