import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Accounts } from './auth/accounts.ts'
import { Credentials } from './auth/credentials.ts'
import { openStorageKey, readPassphrase, type StorageKeySource } from './auth/storage-key.ts'
import { RESTORE_MARK } from './backup/restoring.ts'
import { legacySession } from './c2s/bind.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config/schema.ts'
import { extensions } from './extensions.ts'
import type { LeveledLog, Log } from './log.ts'
import { accountCommands } from './operate/account.ts'
import { domainCommands } from './operate/domain.ts'
import { LogRaise } from './operate/log-raise.ts'
import { ServedDomains, type ServedDomain } from './routing/domains.ts'
import type { Extension } from './routing/extension.ts'
import { install, type Installation } from './routing/installation.ts'
import { Sessions } from './routing/sessions.ts'
import { DomainList } from './s2s/domain-list.ts'
import { openDatabase, type Database } from './store/database.ts'
import { DataLock } from './store/lock.ts'
import { StoreError } from './store/store-error.ts'
import { loadOrCreateOnionKey } from './tor/onion-key.ts'

/**
 * The house without its doors: the store, the accounts and every extension, but neither network nor tor. The server
 * is built on it, and the commands of the operator run in it where no server runs.
 */
export interface House {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly database: Database
  readonly accounts: Accounts
  readonly credentials: Credentials
  readonly domains: ServedDomains
  readonly sessions: Sessions
  /** Which remote domains there may be streams with. */
  readonly remoteDomains: DomainList
  readonly installation: Installation
  /** Writes what is not written yet and gives the data directory back; a second time it does nothing. */
  close(): void
}

/** Opens it; `more` are extensions that only the caller can make. @throws StoreError, TorError for a broken onion key */
export async function openHouse(config: Config, clock: Clock, log: LeveledLog, more: readonly Extension[] = []): Promise<House> {
  const { data } = config.files
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const lock = new DataLock(data)
  try {
    refuseHalfRestored(data)
    const database = openDatabase(join(data, 'sotto.db'))
    try {
      return await furnish(config, clock, log, more, database, lock)
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function furnish(
  config: Config, clock: Clock, log: LeveledLog, more: readonly Extension[], database: Database, lock: DataLock,
): Promise<House> {
  const key = await openStorageKey(database, keySource(config))
  const domains = new ServedDomains(config.domains.map((domain) => served(config, domain)))
  const credentials = new Credentials(config.auth)
  // Accounts are there before the extensions that want to hear of them.
  const built: { installation?: Installation } = {}
  const accounts = new Accounts({
    database, key, credentials, clock,
    domains: new Map(domains.all().map(({ name, label }) => [name, label])),
    events: {
      created: (account) => built.installation?.tables.account.created(account),
      deleted: (account) => built.installation?.tables.account.deleted(account),
    },
  })
  const sessions = new Sessions()
  const remoteDomains = new DomainList()
  const own = [legacySession, accountCommands(accounts), domainCommands(remoteDomains), new LogRaise(log).extension]
  // What a blocked domain sends is dropped before it changes anything.
  const installation = built.installation = install([remoteDomains.extension, ...extensions, ...own, ...more], {
    config, database, domains, sessions, accounts, clock, log,
  })
  return {
    config, clock, log, database, accounts, credentials, domains, sessions, remoteDomains, installation,
    close: () => {
      database.close()
      lock.release()
    },
  }
}

/** @throws StoreError */
function refuseHalfRestored(data: string): void {
  if (!existsSync(join(data, RESTORE_MARK))) return
  throw new StoreError(data, 'holds a backup that was not restored to its end', 'Give the same sotto backup restore once more.')
}

function keySource(config: Config): StorageKeySource {
  const { file, passphrase_file: passphraseFile } = config.keys
  const keys = join(config.files.data, 'keys')
  return passphraseFile === '' ? { keyFile: file === '' ? join(keys, 'storage.key') : file }
    : { saltFile: join(keys, 'storage.salt'), passphrase: readPassphrase(passphraseFile) }
}

/** The domain with its real name: that of 'onion' follows from its key, which is made at the first start. */
function served(config: Config, domain: Config['domains'][number]): ServedDomain {
  const onionAddress = domain.onion_service === true ? loadOrCreateOnionKey(onionDirectory(config, domain.name)).address : undefined
  const name = domain.name === 'onion' ? onionAddress : domain.name
  if (name === undefined) throw new Error('the domain "onion" has no onion service') // the configuration's loader refuses it
  return { name, label: domain.name, onionAddress, config: domain }
}

/** The HiddenServiceDir of a domain's onion service. */
export function onionDirectory(config: Config, label: string): string {
  return join(config.files.data, 'onion', label)
}
