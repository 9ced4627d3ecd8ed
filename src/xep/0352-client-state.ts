import type { Extension } from '../routing/extension.ts'
import type { Clause } from '../routing/implementation.ts'
import type { Session } from '../routing/sessions.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { serialize } from '../xml/serialize.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'

const NS_CSI = 'urn:xmpp:csi:0'
const NS_CHAT_STATES = 'http://jabber.org/protocol/chatstates'
const NS_HINTS = 'urn:xmpp:hints'
const NS_STANZA_ID = 'urn:xmpp:sid:0'
const NS_PUBSUB_EVENT = 'http://jabber.org/protocol/pubsub#event'

/** Of one session, as they would be written: with more it gets all of them at once. */
const MOST_BYTES = 256 * 1024

const CLAUSES: readonly Clause[] = [
  { clause: 'XEP-0352 §5', text: 'a client is active until it says otherwise' },
  { clause: 'XEP-0352 §5', text: 'whether it is active has nothing to do with its presence' },
  { clause: 'XEP-0352 §5.1', text: 'what <active/> brings is sent before anything that follows it is answered' },
  { clause: 'XEP-0352 §6', text: 'nobody else learns of it' },
]

/**
 * XEP-0352: Client State Indication. While nobody looks at a client, what can wait does: presence, chat states and news
 * of PEP nodes, and of each only the newest. It goes before anything that cannot wait, so that the order stays, and when
 * the client is active again; with the session it is dropped.
 */
export const clientState: Extension = {
  name: 'client-state',
  implements: [{ xep: 352, title: 'Client State Indication', version: '1.0.0', since: '0.1.0', status: 'complete', note: '`limits.held_back`' }],
  clauses: CLAUSES,
  streamFeatures: { client: [feature()] },

  install({ config }) {
    const inactive = new WeakMap<Session, HeldBack>()
    const activate = (session: Session): void => {
      const held = inactive.get(session)
      inactive.delete(session)
      held?.release(session)
    }
    const deactivate = (session: Session): void => {
      if (!inactive.has(session)) inactive.set(session, new HeldBack(config.limits.held_back))
    }
    const onClient = { namespace: NS_CSI, on: 'client' } as const
    return {
      nonzas: [
        { ...onClient, name: 'active', handle: (_, __, session) => { if (session !== undefined) activate(session) } },
        { ...onClient, name: 'inactive', handle: (_, __, session) => { if (session !== undefined) deactivate(session) } },
      ],
      bindFeatures: [{ feature: NS_CSI, name: 'inactive', namespace: NS_CSI, enable: (session) => { deactivate(session); return undefined } }],
      session: {
        withholds: (session, stanza) => inactive.get(session)?.takes(session, stanza) ?? false,
        resumed: activate, // §5.2: the state "always defaults to 'active' for new and resumed streams"
      },
    }
  },
}

/** What one session need not be sent yet, the newest last. */
class HeldBack {
  readonly #most: number
  readonly #stanzas = new Map<string, { readonly stanza: Element, readonly bytes: number }>()
  #bytes = 0
  #releasing = false

  constructor(most: number) {
    this.#most = most
  }

  /** True where the stanza is held back; else everything that was goes first. */
  takes(session: Session, stanza: Element): boolean {
    if (this.#releasing) return false
    const topic = this.#most === 0 ? undefined : topicOf(stanza)
    if (topic === undefined) {
      this.release(session)
      return false
    }
    const bytes = Buffer.byteLength(serialize(stanza, NS_CLIENT))
    this.#bytes += bytes - (this.#stanzas.get(topic)?.bytes ?? 0)
    this.#stanzas.delete(topic)
    this.#stanzas.set(topic, { stanza, bytes })
    if (this.#stanzas.size > this.#most || this.#bytes > MOST_BYTES) this.release(session)
    return true
  }

  release(session: Session): void {
    const held = [...this.#stanzas.values()]
    this.#stanzas.clear()
    this.#bytes = 0
    this.#releasing = true
    for (const { stanza } of held) session.send(stanza)
    this.#releasing = false
  }
}

/** What a newer stanza of the same topic makes worthless; undefined where the stanza must not wait. */
function topicOf(stanza: Element): string | undefined {
  const { type = '', from = '' } = stanza.attrs
  switch (stanza.name) {
    case 'presence': return type === '' || type === 'unavailable' ? `presence ${from}` : undefined
    case 'message': return type === 'error' ? undefined : chatState(stanza) ? `state ${from}` : news(stanza, from)
    default: return undefined
  }
}

/** A chat state alone (XEP-0085), with nothing but what tells how to treat it. */
function chatState(message: Element): boolean {
  const children = message.elements()
  return children.some(({ namespace }) => namespace === NS_CHAT_STATES)
    && children.every(({ namespace, name }) => namespace === NS_CHAT_STATES || namespace === NS_HINTS || namespace === NS_STANZA_ID || name === 'thread')
}

/** One item of a PEP node that was published or retracted (XEP-0163 §4.3). Items of a node may each be a thing of its own. */
function news(message: Element, from: string): string | undefined {
  const items = message.child('event', NS_PUBSUB_EVENT)?.elements() ?? []
  const [list] = items
  if (message.child('body', NS_CLIENT) !== undefined || list?.name !== 'items' || items.length > 1) return undefined
  const [item, ...more] = list.elements()
  return item === undefined || more.length > 0 ? undefined : `news ${JSON.stringify([from, list.attrs['node'], item.attrs['id']])}`
}

/** It only tells that the server knows of it; nothing is negotiated. */
function feature(): StreamFeature<Stream> {
  return {
    namespace: NS_CSI,
    needs: { authenticated: true },
    offer: () => [element(NS_CSI, 'csi')],
    negotiate: () => { throw new StreamError('unsupported-stanza-type') },
  }
}
