/**
 * A program that makes backups by a clock of the test's: ward.js DATA BACKUPS BYTES. It is told what to do by messages,
 * and answers each with the conditions of its failures. It runs where the test cannot: on a disk of its own.
 */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Backups } from '../../src/backup/backups.ts'
import { conditionOf } from '../../src/backup/backup-error.ts'
import { makeIdentity } from '../../src/backup/identity.ts'
import type { Step } from '../../src/backup/progress.ts'
import { configSchema } from '../../src/config/schema.ts'
import { openDatabase } from '../../src/store/database.ts'
import { TestClock } from '../clock.ts'
import { TestLog } from '../house.ts'
import { fill } from '../small-disk.ts'

/** `now`: make one, and fill the disk when it begins with the step `full`. `advance`: let milliseconds pass; answered by all failures in the log. */
export type WardQuestion = { readonly now: true, readonly full?: Step } | { readonly advance: number }

const [data = '', directory = '', bytes = ''] = process.argv.slice(2)
const key = join(data, 'key.txt')
rmSync(key, { force: true })
const database = openDatabase(join(data, 'sotto.db'))
database.migrate('test', [{ step: 1, sql: 'CREATE TABLE said (word BLOB NOT NULL) STRICT' }])
await database.write(() => database.statement('INSERT INTO said VALUES (?)').run(randomBytes(Number(bytes))))
const [clock, log] = [new TestClock(Date.UTC(2026, 10, 23, 12)), new TestLog()]
const config = configSchema.parse({ files: { data }, backup: { recipients: [await makeIdentity(key)], identity: key, directory } })
const backups = new Backups({ config, configFile: undefined, database, socks: () => undefined, clock, log })
backups.start()

process.on('message', (question: WardQuestion) => {
  answered(question).then((answer) => process.send?.(answer), () => process.exit(1))
})
process.on('disconnect', () => process.exit(0))

async function answered(question: WardQuestion): Promise<readonly string[]> {
  if ('advance' in question) {
    clock.advance(question.advance)
    return log.lines.filter(({ event, level }) => event === 'backup.failed' && level === 'error').map(({ fields }) => fields.condition ?? '')
  }
  const state = { isFull: false }
  return await backups.now(({ step }) => {
    if (step !== question.full || state.isFull) return
    state.isFull = true
    fill(join(directory, 'filler'))
  }).then(() => [], (error: unknown) => [conditionOf(error)])
}
