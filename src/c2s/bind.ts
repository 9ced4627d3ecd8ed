import type { Limits } from '../config/schema.ts'
import { EMPTY, type Extension } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_BIND, NS_CLIENT, NS_SESSION } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { ClientSession, type SessionParts } from './session.ts'

/** A resource of our making: 12 random bytes, so that a full JID cannot be guessed (RFC 6120 §7.6). */
export const RESOURCE_BYTES = 12

/**
 * Resource binding (RFC 6120 §7), the last step of a client's negotiation.
 *
 * A resource that is taken goes to the newcomer, who has proved to be the same account; the old session ends with
 * `conflict` (§7.7.2.2, the third way): over Tor the old one is most often a circuit that died unseen.
 */
export function resourceBinding(parts: SessionParts, limits: Limits): StreamFeature<Stream> {
  return {
    namespace: NS_BIND,
    needs: { authenticated: true },
    // COMPAT(clients of RFC 3921): they wait for the session feature; it is optional and does nothing.
    offer: ({ owner }) => owner instanceof ClientSession ? [] : [element(NS_BIND, 'bind'), element(NS_SESSION, 'session', {}, element(NS_SESSION, 'optional'))],

    negotiate(stream, iq) {
      const { account } = stream
      if (account === undefined) throw new StreamError('not-authorized') // the needs say so already
      const jid = requested(iq, account)
      if (jid instanceof StanzaError) return refuse(stream, iq, jid)
      const session = bindResource(stream, jid, parts, limits)
      if (session === undefined) return refuse(stream, iq, new StanzaError('resource-constraint'))
      stream.established(session)
      stream.send(element(NS_CLIENT, 'iq', { type: 'result', id: iq.attrs['id'] },
        element(NS_BIND, 'bind', {}, element(NS_BIND, 'jid', {}, jid.toString()))))
      parts.tables.session.bound(session)
      return 'done'
    },
  }
}

/** Makes the session, which owns the stream from now on; undefined where the account has as many as it may have. */
export function bindResource(stream: Stream, jid: Jid, parts: SessionParts, limits: Limits): ClientSession | undefined {
  const resources = parts.sessions.of(jid)
  const taken = resources.get(jid.resource) ?? (resources.size < limits.sessions_per_account ? undefined : longestAway(resources))
  taken?.end(new StreamError('conflict'))
  if (resources.size >= limits.sessions_per_account) return undefined
  const session = new ClientSession(stream, jid, parts)
  stream.owner = session
  parts.sessions.add(session)
  return session
}

/** The session request of RFC 3921 §3, which some clients still send: it always succeeds. */
export const legacySession: Extension = {
  name: 'legacy-session',
  implements: [],
  install: () => ({
    iq: [
      { type: 'set', name: 'session', namespace: NS_SESSION, at: 'server', handle: () => EMPTY },
      { type: 'set', name: 'session', namespace: NS_SESSION, at: 'account', handle: () => EMPTY },
    ],
  }),
}

/** The full JID that is asked for, or why it cannot be had (RFC 6120 §7.6.2, §7.7.2). */
function requested(iq: Element, account: Jid): Jid | StanzaError {
  const bind = iq.child('bind', NS_BIND)
  if (bind === undefined || iq.attrs['type'] !== 'set' || iq.attrs['id'] === undefined) return new StanzaError('bad-request')
  const resource = bind.childContent('resource', NS_BIND) ?? ''
  const jid = account.withResource(resource === '' ? randomIdentifier(RESOURCE_BYTES) : resource)
  return jid ?? new StanzaError('bad-request')
}

/** Who has no room for sessions that are there must not wait until those time out that are not. */
function longestAway(resources: ReadonlyMap<string, Session>): Session | undefined {
  let longest: ClientSession | undefined
  for (const session of resources.values()) {
    if (!(session instanceof ClientSession) || session.awaySince === undefined) continue
    if (longest?.awaySince === undefined || session.awaySince < longest.awaySince) longest = session
  }
  return longest
}

function refuse(stream: Stream, iq: Element, error: StanzaError): 'pending' {
  stream.send(element(NS_CLIENT, 'iq', { type: 'error', id: iq.attrs['id'] }, error.toElement(NS_CLIENT)))
  return 'pending'
}
