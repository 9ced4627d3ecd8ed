import { EMPTY, type Extension } from '../routing/extension.ts'

export const NS_PING = 'urn:xmpp:ping'

/** XEP-0199: XMPP Ping. The server answers for itself, and to a client for its own account (§4.1, §4.2). */
export const ping: Extension = {
  name: 'ping',
  implements: [{ xep: 199, title: 'XMPP Ping', version: '2.0.1', since: '0.1.0', status: 'complete' }],
  clauses: [
    { clause: 'XEP-0199 §4.2', text: 'the server answers a client' },
    { clause: 'XEP-0199 §4.3', text: 'and another server' },
  ],
  features: { server: [NS_PING], account: [NS_PING] },

  install: () => ({
    iq: [
      { type: 'get', name: 'ping', namespace: NS_PING, at: 'server', handle: () => EMPTY },
      // An answer to anybody else would tell which accounts exist.
      { type: 'get', name: 'ping', namespace: NS_PING, at: 'own', handle: () => EMPTY },
    ],
  }),
}
