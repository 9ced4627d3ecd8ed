import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TorNetwork, clientTorrcOf } from './network.ts'

/** A private Tor network that a test file may use. */
export interface JoinedNetwork {
  /** What a tor of the test includes. */
  readonly clientTorrc: string
  leave(): Promise<void>
}

/** The network that already runs in `folder` (the environment's SOTTO_TORNET), or else one of the caller's own. */
export async function joinNetwork(folder: string | undefined, report: (line: string) => void): Promise<JoinedNetwork> {
  if (folder !== undefined && folder !== '') return { clientTorrc: clientTorrcOf(folder), leave: async () => {} }
  const own = mkdtempSync(join(tmpdir(), 'sotto-tornet-'))
  const network = await TorNetwork.start(own, { report })
  return {
    clientTorrc: network.clientTorrc,
    leave: async () => {
      await network.stop()
      rmSync(own, { recursive: true, force: true })
    },
  }
}
