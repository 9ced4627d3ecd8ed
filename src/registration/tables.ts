import type { Migration } from '../store/database.ts'

/** Owned by 'registration'. `domain` is the domain's label, never its onion address. */
export const REGISTRATION_MIGRATIONS: readonly Migration[] = [{
  step: 1,
  sql: `
    CREATE TABLE registration_mode (
      domain TEXT PRIMARY KEY,
      mode TEXT NOT NULL CHECK (mode IN ('closed', 'invite', 'open')) -- as the operator switched it
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE invite (
      token BLOB PRIMARY KEY,  -- SHA-256 of it: who reads this table can use none
      domain TEXT NOT NULL,
      expires INTEGER NOT NULL, -- milliseconds since the epoch
      name TEXT,               -- the only one that it gives
      shape TEXT,              -- what that name looks like
      uses INTEGER NOT NULL,   -- that are left
      inviter TEXT,            -- localpart of an account of the same domain; the operator where there is none
      created TEXT NOT NULL    -- the day, no more
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX invite_inviter ON invite (domain, inviter);
    CREATE INDEX invite_shape ON invite (domain, shape);
    CREATE TABLE tombstone (
      digest BLOB PRIMARY KEY  -- of the domain and a name that was deleted, under the secret
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tombstone_secret (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      secret BLOB NOT NULL     -- sealed
    ) STRICT;`,
}]
