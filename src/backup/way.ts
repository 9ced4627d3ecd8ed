import { connect, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { connectThroughTor, type TorEndpoint } from '../tor/socks5.ts'
import { CopyError } from './copy-target.ts'

/** How long a connection may take to be there; Tor tries twice. */
const MILLISECONDS = 60_000

export interface WayParts {
  /** Where tor is now; undefined while there is none. */
  readonly socks: () => TorEndpoint | undefined
  readonly clock: Clock
}

export interface Destination {
  readonly host: string
  readonly port: number
  readonly tor: boolean
  /** Circuits are not shared with whoever has another text. */
  readonly isolation: string
}

/** The way to the places of copies: directly, or through Tor by circuits of each place alone. */
export class Way {
  readonly #parts: WayParts

  constructor(parts: WayParts) {
    this.#parts = parts
  }

  /** @throws CopyError where tor is not there, SocksError, or as node:net does */
  async connect({ host, port, tor, isolation }: Destination, signal: AbortSignal): Promise<Socket> {
    const ends = AbortSignal.any([signal, AbortSignal.timeout(2 * MILLISECONDS)])
    const socket = tor ? await this.#throughTor({ host, port, isolation, signal: ends }) : await direct(host, port, ends)
    return socket.setNoDelay() // questions are small, and each waits for its answer
  }

  async #throughTor(request: { readonly host: string, readonly port: number, readonly isolation: string, readonly signal: AbortSignal }): Promise<Socket> {
    const proxy = this.#parts.socks()
    if (proxy === undefined) throw new CopyError('tor-not-there')
    return await connectThroughTor({ ...request, proxy, milliseconds: MILLISECONDS }, this.#parts.clock)
  }
}

function direct(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    // Without a listener of its own an error would end the process before the next owner listens.
    socket.on('error', reject)
    const aborted = (): void => { socket.destroy(new CopyError('timed-out')) }
    signal.addEventListener('abort', aborted, { once: true })
    if (signal.aborted) aborted()
    socket.once('connect', () => {
      signal.removeEventListener('abort', aborted)
      resolve(socket)
    })
  })
}
