import { PEP_MIGRATIONS } from '../pep/item-table.ts'
import { Notifications } from '../pep/notifications.ts'
import { PersonalItems } from '../pep/personal-items.ts'
import type { Envelope } from '../routing/envelope.ts'
import type { Extension } from '../routing/extension.ts'

/**
 * XEP-0163: Personal Eventing Protocol: who hears what, and when; src/xep/0060-pubsub.ts answers requests. What it is
 * used for are avatars (XEP-0084), nicknames (XEP-0172) and private data (XEP-0223); pep/node-kinds.ts says what else
 * may be published, and why so little. Section numbers in this file are those of version 1.2.2.
 *
 * DEVIATION: XEP-0163 §5 wants explicit subscriptions and the access model "roster". Nobody can subscribe here, as nobody
 * sends anything but questions to another's account; and what only some contacts are told of is a message to them.
 */
export const pep: Extension = {
  name: 'pep',
  implements: [
    {
      xep: 163, title: 'Personal Eventing Protocol', version: '1.2.2', since: '0.1.0', status: 'partial',
      note: 'avatars for contacts; other nodes for the account\'s own clients; no subscriptions, no access model "roster"',
    },
    { xep: 172, title: 'User Nickname', version: '1.1', since: '0.1.0', status: 'partial', note: 'kept for one\'s own clients; contacts see it in the vCard' },
    { xep: 223, title: 'Persistent Storage of Private Data via PubSub', version: '1.1.1', since: '0.1.0', status: 'complete', note: 'sealed' },
  ],
  identities: { server: [{ category: 'pubsub', type: 'pep' }], account: [{ category: 'pubsub', type: 'pep' }] },
  clauses: [
    { clause: 'XEP-0163 §3', text: 'a node that is not there is made' },
    { clause: 'XEP-0163 §4.1', text: 'who sees the account\'s presence may read its nodes' },
    { clause: 'XEP-0163 §4.2', text: 'a client hears of what it asks for, and of nothing else' },
    { clause: 'XEP-0163 §4.3.1', text: 'a notification is from the account, to the very resource' },
    { clause: 'XEP-0163 §4.3.2', text: 'one for each available resource that is interested' },
    { clause: 'XEP-0163 §4.3.3', text: 'at a new item, and at initial presence; not to who is blocked' },
    { clause: 'XEP-0163 §4.3.4', text: 'the last item goes to each newly available resource' },
    { clause: 'XEP-0163 §5', text: 'the defaults: presence, and the last item on presence' },
    { clause: 'XEP-0163 §6.1', text: 'the account has the identity pubsub/pep' },
    { clause: 'XEP-0163 §6.2', text: 'who asks for its items sees those that may be read' },
    { clause: 'XEP-0163 §7.1', text: 'who sees the presence no longer hears no more' },
    { clause: 'XEP-0223 §3', text: 'what is private is for its owner alone' },
    { clause: 'XEP-0223 §5', text: 'the domain has the identity pubsub/pep, and publish-options' },
  ],
  migrations: PEP_MIGRATIONS,

  install(host) {
    const notifications = host.shared(Notifications)
    const { hooks } = host.shared(PersonalItems)

    /** Passes everything, and learns what it is that passes. */
    const learn = ({ directed, type, from, to, session, element: presence, origin }: Envelope): undefined => {
      if (origin === 'server' && type === 'subscribed') {
        // After the approval itself, without which the contact would not take it.
        Promise.resolve().then(() => notifications.approved(from.bare, to.bare))
          .catch((cause: unknown) => host.log.error('session.hook-failed', { part: 'pep' }, cause))
      }
      if (origin !== 'client' || directed || session === undefined) return
      if (type === 'unavailable') notifications.hidden(session)
      else if (type === '' && session.presence !== undefined) notifications.shown(session, presence)
    }
    return {
      outgoing: [{ kinds: ['presence'], judge: learn }],
      observe: [{ kinds: ['presence'], observe: (envelope) => notifications.observe(envelope) }],
      session: {
        available: (session) => { if (session.presence !== undefined) notifications.shown(session, session.presence) },
        ended: (session) => notifications.ended(session),
      },
      servers: { lost: (local, remote) => notifications.lost(local, remote) },
      account: {
        ...hooks,
        deleted: (account) => {
          hooks.deleted?.(account)
          notifications.forget(account)
        },
      },
      seals: hooks,
    }
  },
}
