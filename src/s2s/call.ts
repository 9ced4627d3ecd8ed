import type { TlsIdentity } from '../net/tls.ts'
import type { StanzaError } from '../xmpp/stanza-error.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { Route } from './destination.ts'
import { Unreachable, type Dial } from './dial.ts'
import { OutgoingStream, type OutgoingStreamParts, type Pair } from './outgoing-stream.ts'
import { NOT_FOUND, NOT_REACHED } from './refusals.ts'

export interface CallParts extends OutgoingStreamParts {
  readonly dial: Dial
  /** Who we are in TLS as that domain of ours; undefined where it shows no certificate, as an onion does not. */
  readonly identityOf: (local: string) => TlsIdentity | undefined
}

/** The share of the time to connect that a route has which is not the last one. */
const SHARE = 1 / 3

/**
 * One call of a remote domain: its routes are tried in order until one leads to a stream that is ready. Resolves with
 * that, or with what those are told who wait for it; never rejects.
 *
 * `signal` ends it: then nothing of it is left, and what it resolves with is of no interest.
 */
export async function call(pair: Pair, parts: CallParts, signal: AbortSignal): Promise<OutgoingStream | StanzaError> {
  const { dial, stream: { log } } = parts
  let isThere = false
  try {
    const routes = await dial.routes(pair.local, pair.remote, signal)
    for (const [index, route] of routes.entries()) {
      if (signal.aborted) return NOT_REACHED
      const outcome = await attempt(pair, route, index === routes.length - 1, parts, signal)
      if (outcome instanceof OutgoingStream || outcome === NOT_FOUND) return outcome
      isThere ||= outcome === 'later'
    }
  } catch (error) {
    if (!(error instanceof Unreachable)) log.error('s2s.dial-failed', { part: 's2s' }, error)
    return error instanceof Unreachable && !error.temporary ? NOT_FOUND : NOT_REACHED
  }
  return isThere ? NOT_REACHED : NOT_FOUND
}

/** NOT_FOUND where the server that is reached knows no such domain: another one of them will not, either. */
async function attempt(
  pair: Pair, route: Route, isLast: boolean, parts: CallParts, signal: AbortSignal,
): Promise<OutgoingStream | StanzaError | 'later' | 'never'> {
  const { dial, identityOf, stream: { clock }, limits } = parts
  const enough = new AbortController()
  const timer = isLast ? undefined : clock.after(limits.time_to_connect * SHARE, () => enough.abort())
  const until = AbortSignal.any([signal, enough.signal])
  const identity = route.proof === 'certificate' ? identityOf(pair.local) : undefined
  try {
    const connection = await dial.connect(route, pair.remote, identity, until)
    if (until.aborted) {
      connection.destroy()
      return 'later'
    }
    return await new Promise((resolve) => {
      try {
        const stream: OutgoingStream = new OutgoingStream(pair, route, connection, identity, parts, {
          ready: () => resolve(stream),
          proved: () => {},
          answered: () => {},
          over: ({ error }) => resolve(error === NOT_FOUND ? NOT_FOUND : 'later'),
        })
        until.addEventListener('abort', () => {
          if (!stream.ready) stream.end()
        }, { once: true })
      } catch (error) {
        connection.destroy()
        if (!(error instanceof StreamError)) throw error
        resolve('later')
      }
    })
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error
    return error.temporary ? 'later' : 'never'
  } finally {
    timer?.cancel()
  }
}
