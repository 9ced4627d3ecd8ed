import type { Extension } from '../routing/extension.ts'
import type { Jid } from '../xmpp/jid.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_CLIENT, NS_PRE_APPROVAL, NS_ROSTER, NS_ROSTER_VERSIONING } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { IM_CLAUSES } from './clauses.ts'
import { Conversations } from './conversations.ts'
import { LocalDelivery } from './delivery.ts'
import { DirectedPresence } from './directed.ts'
import { Handshake } from './handshake.ts'
import { Presence } from './presence.ts'
import { RemotePresence } from './remote-presence.ts'
import { RosterCommand } from './roster-command.ts'
import { ROSTER_MIGRATIONS } from './roster-table.ts'
import { itemElement } from './roster-item.ts'
import { Rosters } from './roster.ts'
import { awaitsAccount } from './subscription.ts'

/** RFC 6121: rosters, presence, and who gets which message. */
export const instantMessaging: Extension = {
  name: 'im',
  implements: [{
    rfc: 6121, title: 'XMPP: Instant Messaging and Presence', since: '0.1.0', status: 'partial',
    note: 'no offline storage; a subscription request is kept without extended content; probes tell no time of last presence',
  }],
  clauses: IM_CLAUSES,
  features: { server: [NS_ROSTER] },
  migrations: ROSTER_MIGRATIONS,
  streamFeatures: { client: [informative(NS_ROSTER_VERSIONING, 'ver'), informative(NS_PRE_APPROVAL, 'sub')] },

  install(host) {
    const rosters = new Rosters(host)
    const presence = new Presence(host, rosters, new DirectedPresence())
    const handshake = new Handshake(host, rosters, presence)
    const remote = new RemotePresence(host, rosters, presence)
    const command = new RosterCommand(host, rosters, handshake)
    const delivery = new LocalDelivery(host.sessions, presence, handshake, new Conversations())
    const roster = { namespace: NS_ROSTER, name: 'query', at: 'own' } as const
    return {
      iq: [
        { ...roster, type: 'get', handle: (iq) => command.get(iq) },
        { ...roster, type: 'set', handle: (iq) => command.set(iq) },
      ],
      outgoing: [
        { kinds: ['message'], judge: (envelope) => delivery.learn(envelope) },
        { kinds: ['presence'], judge: (envelope) => handshake.judgeOutgoing(envelope) ?? presence.judgeOutgoing(envelope) },
      ],
      observe: [{ kinds: ['presence'], observe: (envelope) => remote.observe(envelope) }],
      servers: remote,
      session: {
        ended: (session) => {
          presence.ended(session)
          remote.ended(session)
        },
      },
      account: {
        deleted: (account) => forget(account, rosters, handshake),
        exported: (account) => rosters.stored(account),
        portable: (account) => portableRoster(account, rosters),
        renamed: (account, renamed) => rosters.rename(account, renamed),
      },
      delivery,
    }
  },
}

/**
 * Contacts are told once the account is gone for good, so that their rosters do not wait for it for ever. Whom that does
 * not reach, as the server ends right then, hears it when next asking: a probe is answered `unsubscribed` (RFC 6121 §4.3.2).
 */
function forget(account: Jid, rosters: Rosters, handshake: Handshake): () => void {
  const items = [...rosters.of(account).all()]
  rosters.clear(account)
  return () => { for (const item of items) handshake.end(account, item) }
}

/** XEP-0227 §4.4, §4.9. */
function portableRoster(account: Jid, rosters: Rosters): readonly Element[] {
  const items = [...rosters.of(account).all()]
  const requests = items.filter(({ state }) => awaitsAccount(state)).map(({ jid, requestId }) =>
    element(NS_CLIENT, 'presence', { type: 'subscribe', id: requestId, from: jid.toString() }))
  return [element(NS_ROSTER, 'query', {}, ...items.filter(({ listed }) => listed).map(itemElement)), ...requests]
}

/** §2.6.1, §3.4: a feature that only tells; nothing is negotiated. */
function informative(namespace: string, name: string): StreamFeature<Stream> {
  return {
    namespace,
    needs: { authenticated: true },
    offer: () => [element(namespace, name)],
    negotiate: () => { throw new StreamError('unsupported-stanza-type') },
  }
}
