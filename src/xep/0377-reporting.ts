import type { Clock } from '../clock.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Extension, Host } from '../routing/extension.ts'
import { Jid } from '../xmpp/jid.ts'

const NS_REPORTING = 'urn:xmpp:reporting:1'
const NS_BLOCKING = 'urn:xmpp:blocking'

/** Reports of one account that its operators are told in an hour; a flood of them would say nothing. */
const REPORTS_PER_ACCOUNT = 10
const HOUR = 3_600_000
/** Accounts that are counted at a time. */
const MOST_ACCOUNTS = 10_000

const REASONS: ReadonlyMap<string, string> = new Map([[`urn:xmpp:reporting:spam`, 'spam'], ['urn:xmpp:reporting:abuse', 'abuse']])

/**
 * XEP-0377: Blocking Command Reports, told to the operators as a message. They learn who was reported and for what, as
 * that is what the report says; who reported is not told, and what was said about it is not read: it would be text in
 * the clear. Nothing is kept. Section numbers are those of version 0.4.1.
 */
export const reporting: Extension = {
  name: 'reporting',
  implements: [{ xep: 377, title: 'Blocking Command Reports', version: '0.4.1', since: '0.1.0', status: 'complete', note: 'to the operators; the text is left out, nothing is forwarded' }],
  clauses: [
    { clause: 'XEP-0377 §3', text: 'the feature is announced' },
    { clause: 'XEP-0377 §4', text: 'a report has a reason' },
    { clause: 'XEP-0377 §6', text: 'the JID is blocked as without a report' },
  ],
  features: { server: [NS_REPORTING] },

  install(host) {
    const counts = new Counts(host.clock)
    return { observe: [{ kinds: ['iq'], observe: (envelope) => look(host, counts, envelope) }] }
  },
}

/** The command itself is answered by who owns it, report or not (§6). */
function look({ operators, domains }: Host, counts: Counts, { element: iq, from, to, origin, type }: Envelope): void {
  if (origin !== 'client' || type !== 'set' || !to.equals(from.bare)) return
  const about = domains.get(from.domain)
  for (const item of iq.child('block', NS_BLOCKING)?.elements() ?? []) {
    const reason = REASONS.get(item.child('report', NS_REPORTING)?.attrs['reason'] ?? '')
    const reported = Jid.parse(item.attrs['jid'] ?? '')
    if (reason === undefined || reported === undefined || about === undefined || !counts.admit(from.bare.toString())) continue
    operators.tell(`Reported for ${reason}`, `Somebody at ${about.name} blocked ${reported.toString()} and reports it for ${reason}.`, about)
  }
}

/** How many reports each account made in the last hour. */
class Counts {
  readonly #clock: Clock
  readonly #counts = new Map<string, { readonly since: number, count: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  admit(account: string): boolean {
    const now = this.#clock.now()
    const counted = this.#counts.get(account)
    if (counted !== undefined && Math.abs(now - counted.since) < HOUR) return ++counted.count <= REPORTS_PER_ACCOUNT
    this.#counts.delete(account)
    const [oldest] = this.#counts.keys()
    if (this.#counts.size >= MOST_ACCOUNTS && oldest !== undefined) this.#counts.delete(oldest)
    this.#counts.set(account, { since: now, count: 1 })
    return true
  }
}
