import type { Limits } from '../config/schema.ts'
import type { BindFeature } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import type { InlineFeature } from '../stream/inline.ts'
import { element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { bindResource, RESOURCE_BYTES } from './bind.ts'
import type { SessionParts } from './session.ts'

const NS_BIND2 = 'urn:xmpp:bind:0'

/** As much of a client's own name as its resource shows, in bytes. */
const LONGEST_TAG = 64

/**
 * Bind 2 (XEP-0386): a resource, and what is to be on for it, together with the login.
 *
 * A client's earlier sessions end with the new one (§4.2), by the installation that it names; as it names itself after the
 * login, nobody but the account can end them.
 */
export function bind2(parts: SessionParts, limits: Limits): InlineFeature {
  const agents = new WeakMap<Session, string>()
  const features = (): readonly BindFeature[] => parts.tables.bindFeatures
  return {
    offer: () => element(NS_BIND2, 'bind', {}, element(NS_BIND2, 'inline', {},
      ...[...new Set(features().map(({ feature }) => feature))].map((feature) => element(NS_BIND2, 'feature', { var: feature })))),

    perform(stream, { request, agent }) {
      const bind = request.child('bind', NS_BIND2)
      if (bind === undefined || stream.account === undefined) return undefined
      const resource = resourceFor(bind.childContent('tag', NS_BIND2) ?? '')
      const jid = stream.account.withResource(resource) ?? stream.account.withResource(randomIdentifier(RESOURCE_BYTES))
      if (jid === undefined) return undefined
      if (agent !== undefined) {
        for (const session of [...parts.sessions.of(stream.account).values()]) {
          if (agents.get(session) === agent) session.end(new StreamError('conflict'))
        }
      }
      const session = bindResource(stream, jid, parts, limits)
      // Too many: the features that follow offer to bind, and say why not.
      if (session === undefined) return undefined
      if (agent !== undefined) agents.set(session, agent)
      const answers = features().flatMap((feature) => {
        const asked = bind.child(feature.name, feature.namespace)
        return asked === undefined ? [] : feature.enable(session, stream, asked) ?? []
      })
      return {
        jid, elements: [element(NS_BIND2, 'bound', {}, ...answers)],
        afterwards: () => {
          stream.established(session)
          parts.tables.session.bound(session)
        },
      }
    },
  }
}

/** §4.2.1: what the client calls itself, and something of ours that nobody can guess. */
function resourceFor(tag: string): string {
  const random = randomIdentifier(RESOURCE_BYTES)
  return tag === '' || Buffer.byteLength(tag) > LONGEST_TAG ? random : `${tag}/${random}`
}
