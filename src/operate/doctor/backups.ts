import { join } from 'node:path'
import { systemClock } from '../../clock.ts'
import { BackupError } from '../../backup/backup-error.ts'
import { placesOf } from '../../backup/copies.ts'
import { CopyLedger } from '../../backup/copy-ledger.ts'
import { readReceipt } from '../../backup/receipt.ts'
import { madeAt, Vault } from '../../backup/vault.ts'
import type { Config } from '../../config/schema.ts'
import { bad, good, grave, notice, type Check, type Finding } from './finding.ts'

/** Later than by this many periods it is late. */
const LATE = 3

export const backups: Check = {
  name: 'Backups',
  examine({ config: { backup, files }, now }) {
    if (backup.recipients.length === 0) return [bad('None are made', 'Make a key pair: sotto backup identity FILE, and name it in backup.recipients')]
    const vault = new Vault(backup.directory === '' ? join(files.data, 'backups') : backup.directory)
    const last = vault.last(now)
    if (last === undefined) return [bad('There is none yet', 'sotto backup now'), ...copies(backup, vault.folder, now)]
    const minutes = Math.round((now - last.made) / 60_000)
    const age: Finding = last.made > now ? bad('All of them were made in the future: the clock was set back, and none was made since', 'Set the clock; sotto backup now')
      : now - last.made > LATE * backup.every ? grave(`The last one was made ${minutes} minutes ago`, 'sotto backup now tells why')
      : good(`The last one was made ${minutes} minutes ago`)
    return [age, proof(vault.receiptPath(last.name)), ...copies(backup, vault.folder, now)]
  },
}

/** A backup on the disk of the server is gone with it. */
function copies({ copies: configured, alarm_after: late }: Config['backup'], folder: string, now: number): readonly Finding[] {
  if (configured.length === 0) return [bad('No copy leaves this machine', 'Name a place for them in [[backup.copies]]')]
  const ledger = CopyLedger.read(join(folder, 'copies.json'))
  return placesOf(configured, systemClock).map((place) => {
    const newest = Math.max(...[...ledger.proven(place).keys()].map((name) => madeAt(name) ?? 0).filter((made) => made <= now), 0)
    const failure = ledger.failure(place)
    const why = failure !== undefined ? `The last try failed: ${failure.condition}`
      : ledger.places.includes(place) ? 'sotto backup list tells more' : 'Start the server anew: it has not heard of this place, or makes the first copy a minute after its start'
    if (newest === 0) return bad(`No copy in ${place} is proven yet`, why)
    const hours = ((now - newest) / 3_600_000).toFixed(1)
    return now - newest > late ? grave(`The newest proven copy in ${place} is ${hours} hours old`, why) : good(`${place} has a proven copy of ${hours} hours ago`)
  })
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
