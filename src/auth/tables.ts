import type { Migration } from '../store/database.ts'

/** Owned by 'auth'. `account.domain` is the domain's label, never its onion address. */
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
}]
