import type { Extension } from '../routing/extension.ts'
import type { TorStatus } from '../tor/tor.ts'

export interface OnionOutput {
  readonly services: readonly OnionState[]
}

export interface OnionState {
  /** The domain as the configuration calls it. */
  readonly label: string
  /** 56 characters and '.onion'. */
  readonly address: string
  /** Whether others can reach it now; false, too, where no server runs. */
  readonly published: boolean
}

/** The command that tells the operator the addresses of the onion services; `tor` is undefined where none runs. */
export function onionCommands(tor: () => TorStatus | undefined): Extension {
  return {
    name: 'onion-commands',
    implements: [],
    install: (host) => ({
      commands: [{
        name: 'onion show',
        run: (): OnionOutput => {
          const status = tor()
          const published = status?.state === 'ready' ? status.published : []
          return {
            services: host.domains.all().flatMap(({ label, onionAddress: address }) => (
              address === undefined ? [] : [{ label, address, published: published.includes(address) }])),
          }
        },
      }],
    }),
  }
}
