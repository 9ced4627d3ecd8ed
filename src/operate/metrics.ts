import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Lifetime } from '../lifetime.ts'
import { ListenError } from '../net/listener.ts'
import type { ServerState } from './server-status.ts'

/** Where metrics are given: a unix socket of this user alone, or a port of this machine alone. */
export type MetricsAddress = { readonly path: string } | { readonly host: string, readonly port: number }

/** Longer than any scraper needs for one question. */
const REQUEST_MILLISECONDS = 10_000

/**
 * Numbers for Prometheus (its text format), asked for by GET /metrics. No label names anybody, and there are few labels:
 * what is counted by name could be read as who was here.
 */
export class Metrics implements Lifetime {
  readonly name = 'metrics'
  readonly #address: MetricsAddress
  readonly #registry = new Registry()
  readonly #server: Server

  constructor(address: MetricsAddress, state: () => ServerState & { readonly sessions: number }, now: () => number) {
    this.#address = address
    collectDefaultMetrics({ register: this.#registry, prefix: 'sotto_' })
    const gauge = (name: string, help: string, value: () => number | undefined): void => {
      new Gauge({
        name: `sotto_${name}`, help, registers: [this.#registry],
        collect() {
          const read = value()
          if (read === undefined) this.reset()
          else this.set(read)
        },
      })
    }
    gauge('sessions', 'Bound resources', () => state().sessions)
    gauge('client_streams_onion', 'Streams of signed-in clients by an onion', () => state().clients.onion)
    gauge('client_streams_clearnet', 'Streams of signed-in clients by TCP', () => state().clients.clearnet)
    gauge('client_streams_refused', 'Streams of clients that found no place since the start', () => state().clients.refused)
    gauge('server_streams_incoming', 'Streams that other servers opened', () => state().servers.incoming)
    gauge('server_domains_outgoing', 'Remote domains that are called, or were lately', () => state().servers.outgoing)
    gauge('server_streams_refused', 'Streams of servers that found no place since the start', () => state().servers.refused)
    gauge('tor_ready', '1 while tor is connected to its network', () => state().tor.state === 'ready' ? 1 : 0)
    gauge('backup_age_seconds', 'Since the last backup with a valid receipt', () => {
      const made = state().backup?.last?.made
      return made === undefined ? undefined : Math.round((now() - made) / 1000)
    })
    this.#server = createServer({ requestTimeout: REQUEST_MILLISECONDS, headersTimeout: REQUEST_MILLISECONDS, maxHeaderSize: 8192 }, (request, response) => {
      request.resume()
      if (request.method !== 'GET' || request.url !== '/metrics') return void response.writeHead(404).end()
      this.#registry.metrics().then(
        (text) => response.writeHead(200, { 'Content-Type': this.#registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      )
    })
  }

  /** @throws ListenError */
  async start(): Promise<void> {
    const address = this.#address
    if ('path' in address) rmSync(address.path, { force: true })
    await new Promise<void>((resolve, reject) => {
      const where = 'path' in address ? address.path : `${address.host}:${address.port}`
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(where, error.code ?? 'unknown')))
      this.#server.listen(address, resolve)
    })
    if ('path' in address) chmodSync(address.path, 0o600)
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => { this.#server.close(() => resolve()) })
  }
}
