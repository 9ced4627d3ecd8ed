import { DataAudit } from '../otr/data-audit.ts'
import { ExchangeAudit } from '../otr/exchange-audit.ts'
import type { Encoded } from '../otr/classified.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Host } from '../routing/extension.ts'
import { AuditCounters } from './audit-counters.ts'

/**
 * What can be found out about OTR conversations without any key, as this server sees both directions. Only a key
 * exchange that cannot be one is refused; everything else is counted. It keeps parts of messages in memory, bounded in
 * number and time, and none of anybody's words.
 */
export class OtrAudit {
  readonly counters = new AuditCounters()
  readonly #domains: Host['domains']
  readonly #exchanges: ExchangeAudit
  readonly #data: DataAudit

  constructor({ domains, clock }: Pick<Host, 'domains' | 'clock'>) {
    this.#domains = domains
    this.#exchanges = new ExchangeAudit(clock)
    this.#data = new DataAudit(clock)
  }

  /** False where the message is surely a forgery. */
  passes(envelope: Envelope, message: Encoded): boolean {
    const side = this.#domains.sideOf(envelope)
    const [from, to] = [envelope.from.bare.toString(), envelope.to.bare.toString()]
    if (message.type === 'data') this.counters.add('data')
    const findings = this.#data.note({ from: `${side} ${from}`, to: `${side} ${to}` }, message)
    for (const finding of findings) this.counters.add(finding)
    // Who commits is one client; to whom it writes may change to the full JID when the other one answers.
    const verdict = this.#exchanges.judge(`${side} ${envelope.from} ${to}`, message)
    if (verdict !== undefined) this.counters.add(`exchange-${verdict}`)
    return verdict !== 'forged'
  }
}
