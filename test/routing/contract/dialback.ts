import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Extension } from '../../../src/routing/extension.ts'
import type { Stream } from '../../../src/stream/stream.ts'
import { element, type Element } from '../../../src/xml/element.ts'
import { StreamError } from '../../../src/xmpp/stream-error.ts'

export const NS_DIALBACK = 'jabber:server:dialback'
const NS_DIALBACK_FEATURE = 'urn:xmpp:features:dialback'

/** What dialback needs of s2s/, which the roof hands to it: extensions are values, so a function may make one. */
export interface ServerStreams {
  /** Sends it on a stream from our domain to theirs, opened where there is none; nothing is proved on it yet. */
  send(from: string, to: string, nonza: Element): void
  /** From now on that stream may carry what comes from `from` to `to`. */
  trust(stream: Stream, from: string, to: string): void
}

/** A sketch of XEP-0220 (version 1.1.1): shows that the contract carries it, and is no part of the server. */
export function dialback(secret: string, streams: ServerStreams): Extension {
  return {
    name: 'dialback-sketch',
    implements: [{ xep: 220, title: 'Server Dialback', version: '1.1.1', since: '0.1.0', status: 'sketch' }],
    streamFeatures: {
      server: [{
        namespace: NS_DIALBACK,
        needs: {},
        offer: () => [element(NS_DIALBACK_FEATURE, 'dialback')],
        negotiate: () => 'done', // its elements may come at any time: they are nonzas, not one step
      }],
    },

    install({ domains }) {
      /** Streams that wait until the authoritative server has answered, by the id of the stream (§2.2.2). */
      const waiting = new Map<string, Stream>()

      const onResult = (stream: Stream, { attrs }: Element, key: string, from: string, to: string): void => {
        if (attrs['type'] !== undefined) return // as initiating server: from now on `streams` may send
        if (!domains.serves(to)) return stream.send(answer('result', to, from, 'error'))
        waiting.set(stream.id, stream)
        streams.send(to, from, element(NS_DIALBACK, 'verify', { from: to, to: from, id: stream.id }, key))
      }
      const onVerify = (stream: Stream, { attrs }: Element, key: string, from: string, to: string): void => {
        const { id = '', type } = attrs
        if (type === undefined) { // as authoritative server (§2.3)
          const valid = domains.serves(to) && sameText(key, dialbackKey(secret, from, to, id))
          return stream.send(answer('verify', to, from, valid ? 'valid' : 'invalid', id))
        }
        const asked = waiting.get(id)
        if (asked === undefined || !waiting.delete(id)) return
        if (type === 'valid') streams.trust(asked, from, to)
        asked.send(answer('result', to, from, type === 'valid' ? 'valid' : 'invalid'))
      }
      const route = (name: string, handle: typeof onResult) => ({
        name, namespace: NS_DIALBACK, on: 'server' as const,
        handle(stream: Stream, nonza: Element): void {
          const { from, to } = nonza.attrs
          if (from === undefined || to === undefined) throw new StreamError('improper-addressing')
          handle(stream, nonza, nonza.content(), from, to)
        },
      })
      return { nonzas: [route('result', onResult), route('verify', onVerify)] }
    },
  }
}

/** XEP-0185: a key that its maker alone can check, without keeping it. */
export function dialbackKey(secret: string, receiving: string, originating: string, streamId: string): string {
  const hidden = createHash('sha256').update(secret).digest('hex')
  return createHmac('sha256', hidden).update(`${receiving} ${originating} ${streamId}`).digest('hex')
}

function answer(name: string, from: string, to: string, type: string, id?: string): Element {
  return element(NS_DIALBACK, name, { from, to, type, id })
}

function sameText(one: string, other: string): boolean {
  const [first, second] = [one, other].map((text) => createHash('sha256').update(text).digest())
  return first !== undefined && second !== undefined && timingSafeEqual(first, second)
}
