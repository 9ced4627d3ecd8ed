import type { Extension } from '../../../src/routing/extension.ts'
import type { Session } from '../../../src/routing/sessions.ts'
import type { Stream } from '../../../src/stream/stream.ts'
import { element, type Element } from '../../../src/xml/element.ts'
import { NS_STANZA_ERRORS } from '../../../src/xmpp/namespaces.ts'
import { StreamError } from '../../../src/xmpp/stream-error.ts'

const NS_SM = 'urn:xmpp:sm:3'
/** §5: counters are of type unsignedInt and start anew behind it. */
const COUNTER = 2 ** 32

/** What is counted of a session, from the moment it asked for it. */
interface Ledger {
  received: number
  sent: number
  /** Sent and not acknowledged yet: at most this many more than `acknowledged`. */
  readonly unacknowledged: Element[]
}

/**
 * A sketch of XEP-0198 (version 1.6.3) without resumption: it shows that the contract carries stream management, and
 * is no part of the server.
 */
export const streamManagement: Extension = {
  name: 'stream-management-sketch',
  implements: [{ xep: 198, title: 'Stream Management', version: '1.6.3', since: '0.1.0', status: 'sketch' }],
  streamFeatures: {
    client: [{
      namespace: NS_SM,
      needs: { authenticated: true },
      offer: () => [element(NS_SM, 'sm')],
      // §3: only <resume/> may come before a resource is bound.
      negotiate(stream) {
        stream.send(failed('unexpected-request'))
        return 'pending'
      },
    }],
  },

  install() {
    const ledgers = new WeakMap<Session, Ledger>()
    const nonza = (name: string, handle: (stream: Stream, nonza: Element, session: Session, ledger: Ledger | undefined) => void) => ({
      name, namespace: NS_SM, on: 'client' as const,
      handle(stream: Stream, received: Element, session: Session | undefined): void {
        if (session === undefined) throw new StreamError('unsupported-stanza-type')
        handle(stream, received, session, ledgers.get(session))
      },
    })
    return {
      nonzas: [
        nonza('enable', (stream, _, session, ledger) => {
          if (ledger !== undefined) return stream.send(failed('unexpected-request'))
          ledgers.set(session, { received: 0, sent: 0, unacknowledged: [] })
          stream.send(element(NS_SM, 'enabled'))
        }),
        nonza('r', (stream, _, __, ledger) => {
          if (ledger !== undefined) stream.send(element(NS_SM, 'a', { h: String(ledger.received) }))
        }),
        nonza('a', (_, { attrs }, __, ledger) => {
          if (ledger === undefined) return
          const handled = Number(attrs['h'])
          const fresh = (handled - (ledger.sent - ledger.unacknowledged.length) + COUNTER) % COUNTER
          // §6: more than was sent "MUST" end the stream.
          if (!Number.isInteger(handled) || fresh > ledger.unacknowledged.length) throw new StreamError('undefined-condition')
          ledger.unacknowledged.splice(0, fresh)
        }),
      ],
      session: {
        received(session) {
          const ledger = ledgers.get(session)
          if (ledger !== undefined) ledger.received = (ledger.received + 1) % COUNTER
        },
        sent(session, stanza) {
          const ledger = ledgers.get(session)
          if (ledger === undefined) return
          ledger.sent = (ledger.sent + 1) % COUNTER
          ledger.unacknowledged.push(stanza)
        },
      },
    }
  },
}

function failed(condition: string): Element {
  return element(NS_SM, 'failed', {}, element(NS_STANZA_ERRORS, condition))
}
