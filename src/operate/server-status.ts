import type { Receipt } from '../backup/receipt.ts'
import { CommandError } from '../routing/command-error.ts'
import type { Extension } from '../routing/extension.ts'
import type { TorStatus } from '../tor/tor.ts'

/** What only the running server knows. */
export interface ServerState {
  /** Streams of clients that are signed in, by the way they came; `refused`: how often there was no place. */
  readonly clients: { readonly onion: number, readonly clearnet: number, readonly refused: number }
  readonly servers: { readonly incoming: number, readonly outgoing: number, readonly refused: number }
  readonly tor: TorStatus
  /** Undefined where none are made; without `last` where none was yet, or its receipt cannot be read. */
  readonly backup: { readonly last: Receipt | undefined } | undefined
}

export interface StatusOutput extends Omit<ServerState, 'tor'> {
  /** Milliseconds since the server was started. */
  readonly uptime: number
  /** Bytes that the process takes. */
  readonly memory: number
  readonly sessions: number
  readonly tor: { readonly state: TorStatus['state'], readonly version: string | undefined, readonly percent: number | undefined }
  readonly onions: readonly { readonly label: string, readonly address: string, readonly published: boolean }[]
}

/** The command that tells the operator how the running server is: numbers, of nobody in particular. */
export function statusCommand(state: () => ServerState): Extension {
  return {
    name: 'status-command',
    implements: [],
    install: ({ clock, domains, sessions }) => {
      const started = clock.elapsed()
      return {
        commands: [{
          name: 'status',
          ofRunningServer: true,
          run: (input): StatusOutput => {
            if (typeof input !== 'object') throw new CommandError('bad-input', 'nothing more can be said')
            const { tor, ...rest } = state()
            const published = tor.state === 'ready' ? tor.published : []
            return {
              ...rest, uptime: clock.elapsed() - started, memory: process.memoryUsage.rss(), sessions: sessions.count,
              tor: { state: tor.state, version: 'version' in tor ? tor.version : undefined, percent: 'percent' in tor ? tor.percent : undefined },
              onions: domains.all().flatMap(({ label, onionAddress: address }) => (
                address === undefined ? [] : [{ label, address, published: published.includes(address) }])),
            }
          },
        }],
      }
    },
  }
}
