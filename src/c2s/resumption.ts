import { failed, NS_ACKNOWLEDGEMENT, parseCount } from '../stream/acknowledgement.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { InlineFeature } from '../stream/inline.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { isIdentifier } from '../xmpp/identifiers.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { ClientSession, type SessionParts } from './session.ts'

/** The way of XEP-0198 §5: a stream on which nothing is bound yet takes over a session of the account that logged in. */
export function streamResumption(parts: SessionParts): StreamFeature<Stream> {
  return {
    namespace: NS_ACKNOWLEDGEMENT,
    needs: { authenticated: true },
    offer: ({ owner }) => owner instanceof ClientSession ? [] : [element(NS_ACKNOWLEDGEMENT, 'sm')],

    negotiate(stream, request) {
      if (request.name !== 'resume') {
        // XEP-0198 §3: what is enabled before a resource is bound is answered with <failed/>.
        if (request.name !== 'enable') throw new StreamError('unsupported-stanza-type')
        stream.send(failed('unexpected-request'))
        return 'pending'
      }
      const { answer, session } = resumed(stream, request, parts)
      stream.send(answer)
      session?.resume(stream)
      return session === undefined ? 'pending' : 'done'
    },
  }
}

/** The same together with the login (§9.2): where it fails, what else was asked for is still done. */
export function inlineResumption(parts: SessionParts): InlineFeature {
  return {
    offer: () => element(NS_ACKNOWLEDGEMENT, 'sm'),

    perform(stream, { request }) {
      const asked = request.child('resume', NS_ACKNOWLEDGEMENT)
      if (asked === undefined) return undefined
      const { answer, session } = resumed(stream, asked, parts)
      if (session === undefined) return { elements: [answer] }
      return { elements: [answer], jid: session.jid, settled: true, afterwards: () => session.resume(stream) }
    },
  }
}

/**
 * What is answered to <resume/>, and the session that is to go on by this stream once its peer has been told
 * (`session.resume`); without one the peer may still bind a resource. Both belong in one turn: what the
 * former stream handled in between would not be in the count.
 *
 * Only sessions of the account that proved itself on this stream are looked at, so by no id can anybody else's be had,
 * or be found to exist. @throws StreamError where more is acknowledged than was sent; the session stays as it is then
 */
export function resumed(
  { account }: Stream, request: Element, { sessions, formerSessions }: SessionParts,
): { readonly answer: Element, readonly session?: ClientSession } {
  const { previd, h = '' } = request.attrs
  if (account === undefined) return { answer: failed('not-authorized') }
  if (previd === undefined || parseCount(h) === undefined) return { answer: failed('bad-request') }
  let found: ClientSession | undefined
  for (const session of sessions.of(account).values()) {
    const id = session instanceof ClientSession ? session.management?.id : undefined
    if (id !== undefined && isIdentifier(id, previd)) found = session as ClientSession
  }
  if (found?.management === undefined) return { answer: failed('item-not-found', formerSessions.count(account, previd)) }
  found.management.acknowledge(h)
  return { answer: element(NS_ACKNOWLEDGEMENT, 'resumed', { previd, h: found.management.count }), session: found }
}
