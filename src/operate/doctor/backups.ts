import { join } from 'node:path'
import { BackupError } from '../../backup/backup-error.ts'
import { readReceipt } from '../../backup/receipt.ts'
import { Vault } from '../../backup/vault.ts'
import { bad, good, grave, notice, type Check, type Finding } from './finding.ts'

/** Later than by this many periods it is late. */
const LATE = 3

export const backups: Check = {
  name: 'Backups',
  examine({ config: { backup, files }, now }) {
    if (backup.recipients.length === 0) return [bad('None are made', 'Make a key pair: sotto backup identity FILE, and name it in backup.recipients')]
    const vault = new Vault(backup.directory === '' ? join(files.data, 'backups') : backup.directory)
    const last = vault.all().at(-1)
    if (last === undefined) return [bad('There is none yet', 'sotto backup now')]
    const minutes = Math.round((now - last.made) / 60_000)
    const age: Finding = now - last.made > LATE * backup.every ? grave(`The last one was made ${minutes} minutes ago`, 'sotto backup now tells why')
      : good(`The last one was made ${minutes} minutes ago`)
    return [age, proof(vault.receiptPath(last.name))]
  },
}

function proof(receipt: string): Finding {
  try {
    return readReceipt(receipt).proof === 'restored' ? good('It was proven by restoring it')
      : notice('It was not restored to prove it', 'Name a key that opens it in backup.identity, or rehearse a restore elsewhere')
  } catch (error) {
    if (!(error instanceof BackupError)) throw error
    return bad('The last one has no valid receipt', 'sotto backup verify FILE -i KEY')
  }
}
