import { StanzaError } from '../xmpp/stanza-error.ts'

/** RFC 6120 §8.3.3.15: there is no such server. */
export const NOT_FOUND = new StanzaError('remote-server-not-found')
/** RFC 6120 §8.3.3.16: it is not to be reached now, or the two could not agree on who they are. */
export const NOT_REACHED = new StanzaError('remote-server-timeout')
/** Too much waits for it already, or too many servers are called. */
export const NO_ROOM = new StanzaError('resource-constraint')
/** RFC 6120 §8.3.3.10: the operator will have nothing to do with it. */
export const NOT_ALLOWED = new StanzaError('not-allowed')
/** XEP-0220 §2.1.1: the other server says that the key which it asked us for is not ours. */
export const NOT_BELIEVED = new StanzaError('internal-server-error')
