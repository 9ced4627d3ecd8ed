import type { Envelope } from '../routing/envelope.ts'
import type { Extension, Host, Verdict } from '../routing/extension.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { policyForm } from './announcement.ts'
import { IqAllowance } from './iq-allowance.ts'
import { MessageJudgement } from './message-judgement.ts'
import { notOffered } from './not-offered.ts'
import { OtrAudit } from './otr-audit.ts'
import { otrSettings } from './otr-settings.ts'
import { rebuildPresence } from './rebuild-presence.ts'
import { Refusals } from './refusals.ts'

/** The profile of a domain's configuration that this extension enforces. Another profile is another such file. */
const PROFILE = 'otr'

const NS_MUC = 'http://jabber.org/protocol/muc'

/**
 * Only OTR passes, whoever sends and whoever receives, as soon as one of the two is of a domain with this profile.
 *
 * No stanza is filtered: each is built anew from parts that were checked, so that what nobody thought of stays
 * behind. Two users who both change their clients can still hide text in what looks random; accidents, unmodified
 * clients and simple forgeries cannot.
 *
 * DEVIATION: RFC 6120 §8.4 wants stanzas routed unmodified whatever their children are; here children that are not
 * listed are left out, and text is refused, as this is what the server is for.
 */
export const requireOtr: Extension = {
  name: 'require-otr',
  implements: [
    {
      xep: 364, title: 'Current Off-the-Record Messaging Usage', version: '0.3.2', since: '0.1.0', status: 'complete',
      note: 'enforced, not spoken by the server',
    },
    {
      xep: 379, title: 'Pre-Authenticated Roster Subscription', version: '0.3.3', since: '0.1.0', status: 'partial',
      note: 'tokens of clients are carried to them; those of this server make contacts when an account is made by them (XEP-0401)',
    },
    {
      xep: 380, title: 'Explicit Message Encryption', version: '0.4.0', since: '0.1.0', status: 'complete',
      note: 'regenerated for OTR, else left out',
    },
  ],
  // Both speak to clients; a server that let everything pass would obey them.
  clauses: [],

  enforces: [PROFILE],
  forms: (config, domain) => domain.config.policy === PROFILE ? [policyForm(config, PROFILE)] : [],

  install(host) {
    const audit = host.config.policy.otr_audit ? new OtrAudit(host) : undefined
    const settings = otrSettings(host.config)
    const refusals = new Refusals(host.clock, settings.versions)
    const messages = new MessageJudgement(host, settings, refusals, audit)
    const iqs = new IqAllowance(host.domains, host.clock)
    const judge = {
      message: (envelope: Envelope) => messages.judge(envelope),
      presence: (envelope: Envelope) => judgePresence(host, refusals, envelope),
      iq: (envelope: Envelope) => iqs.judge(envelope),
    } as const
    return {
      iq: notOffered,
      policy: [{
        kinds: ['message', 'presence', 'iq'],
        judge: (envelope) => governs(host, envelope) ? judge[envelope.kind](envelope) : undefined,
      }],
      commands: [{ name: 'otr show', ofRunningServer: true, run: () => ({ counts: audit?.counters.counts }) }],
    }
  },
}

function governs({ domains }: Host, { from, to }: Envelope): boolean {
  return domains.get(from.domain)?.config.policy === PROFILE || domains.get(to.domain)?.config.policy === PROFILE
}

function judgePresence(host: Host, refusals: Refusals, envelope: Envelope): Verdict {
  // XEP-0045 §7.2: who enters a room is told that none can be entered; without `x` the presence would enter it by an
  // older protocol.
  const enters = envelope.type === '' && envelope.directed && envelope.element.child('x', NS_MUC) !== undefined
  if (enters) return refusals.groupChat(envelope)
  const rebuilt = rebuildPresence(envelope, isBroadcast(host, envelope))
  return rebuilt instanceof StanzaError ? rebuilt : { deliver: [rebuilt] }
}

/**
 * Our clients broadcast presence without `to`. What arrives from another server has one; it was broadcast if it is
 * for an account (RFC 6121 §4.2.2) that has a subscription to the sender's presence.
 */
function isBroadcast({ audience }: Host, { origin, directed, from, to }: Envelope): boolean {
  return !directed || ((origin === 'remote' || origin === 'component') && to.isBare && to.local !== '' && audience.follows(to, from.bare))
}
