import type { Migration } from '../store/database.ts'

/** Owned by 'auth'. `domain` is the domain's label, never its onion address. */
export const AUTH_MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: `
    CREATE TABLE account (
      localpart TEXT NOT NULL,
      domain TEXT NOT NULL,
      verifiers BLOB NOT NULL, -- sealed
      cost TEXT NOT NULL,      -- of the verifiers: as any peer may learn it by trying to log in
      created TEXT NOT NULL,   -- the day, no more
      PRIMARY KEY (localpart, domain)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE storage_key_check (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      seal BLOB NOT NULL       -- of a constant: tells whether a storage key is the one
    ) STRICT;`,
}, {
  step: 2,
  sql: `
    CREATE TABLE decoy_secret (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      secret BLOB NOT NULL     -- sealed; without a row it follows from the storage key, which was never changed then
    ) STRICT;
    CREATE TABLE onion_key (
      domain TEXT PRIMARY KEY,
      public BLOB NOT NULL,
      secret BLOB NOT NULL     -- sealed
    ) STRICT, WITHOUT ROWID;`,
}, {
  step: 3,
  sql: `
    ALTER TABLE account ADD COLUMN locked TEXT;      -- the day since when nobody can log in by it; NULL: everybody can who may
    ALTER TABLE account ADD COLUMN lock_reason TEXT; -- the operator's words, which its owner may read`,
}, {
  step: 4,
  sql: `
    CREATE TABLE onion_name (
      domain TEXT PRIMARY KEY,
      name TEXT NOT NULL       -- under which other tables know it, see auth/onion-names.ts
    ) STRICT, WITHOUT ROWID;`,
}]
