import { CommandError } from '../routing/command-error.ts'
import type { Extension } from '../routing/extension.ts'
import { StoreError } from '../store/store-error.ts'
import { BackupError } from './backup-error.ts'
import type { Backups } from './backups.ts'
import type { CopyState } from './copy-place.ts'
import type { Receipt } from './receipt.ts'

export interface BackupListOutput {
  readonly folder: string
  readonly backups: readonly { readonly name: string, readonly made: number, readonly bytes: number, readonly proof: Receipt['proof'] | undefined }[]
  readonly copies: readonly CopyState[]
}

/** The commands by which the operator makes backups and sees them; to read one needs no server (restoring.ts). */
export function backupCommands(backups: () => Backups | undefined): Extension {
  const there = (): Backups => backups() ?? unavailable()
  return {
    name: 'backup-commands',
    implements: [],
    install: () => ({
      commands: [
        { name: 'backup now', run: async (_input, onProgress): Promise<Receipt> => await told(there().now(onProgress)) },
        {
          name: 'backup list',
          run: (): BackupListOutput => ({
            folder: there().vault.folder,
            backups: there().list().map(({ name, made, bytes, receipt }) => ({ name, made, bytes, proof: receipt?.proof })),
            copies: there().copies(),
          }),
        },
      ],
    }),
  }
}

/** What went wrong is the operator's to mend. */
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof BackupError || error instanceof StoreError) throw new CommandError('refused', error.message)
    if (error instanceof Error && 'code' in error) throw new CommandError('refused', error.message)
    throw error
  }
}

function unavailable(): never {
  throw new CommandError('unavailable', 'the server is still starting')
}
