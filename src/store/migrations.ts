import { StoreError } from './store-error.ts'

/** A Migration, as database.ts gives it to the rooms above. */
interface Step {
  readonly step: number
  readonly sql: string
}

/** What migrating needs of a database; the caller holds a transaction open. */
export interface MigrationTarget {
  readonly file: string
  execute(sql: string): void
  lastStep(owner: string): number
  recordStep(owner: string, step: number): void
}

export const MIGRATION_TABLE = `
  CREATE TABLE IF NOT EXISTS migration (
    owner TEXT NOT NULL,
    step INTEGER NOT NULL,
    PRIMARY KEY (owner, step)
  ) STRICT, WITHOUT ROWID`

/**
 * Applies those of `owner`'s migrations that the database does not have yet.
 *
 * @throws StoreError where the database has steps that are not known here: a newer version of the server made them,
 * and what they mean cannot be guessed
 */
export function applyMigrations(target: MigrationTarget, owner: string, migrations: readonly Step[]): void {
  migrations.forEach(({ step }, index) => {
    if (step !== index + 1) throw new Error(`migrations of ${owner}: step ${step} stands at place ${index + 1}`)
  })
  const last = target.lastStep(owner)
  if (last > migrations.length) {
    throw new StoreError(target.file,
      `was written by a newer version of this server (${owner}: step ${last}, known here up to ${migrations.length})`,
      'Start that version again, or restore a backup that was made before the upgrade.')
  }
  for (const { step, sql } of migrations.slice(last)) {
    target.execute(sql)
    target.recordStep(owner, step)
  }
}
