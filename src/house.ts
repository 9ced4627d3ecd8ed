import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Accounts } from './auth/accounts.ts'
import { Attempts } from './auth/attempts.ts'
import { Credentials } from './auth/credentials.ts'
import { OnionKeys } from './auth/onion-keys.ts'
import { nameInTables, recordName } from './auth/onion-names.ts'
import { passphraseSource, type Surroundings } from './auth/passphrase.ts'
import { Sides } from './auth/sides.ts'
import { openStorageKey, type StorageKeySource } from './auth/storage-key.ts'
import { Tokens } from './auth/tokens.ts'
import { RESTORE_MARK } from './backup/restoring.ts'
import { legacySession } from './c2s/bind.ts'
import { fastAuthentication } from './c2s/fast.ts'
import type { Clock } from './clock.ts'
import { makeMemoryDirectory } from './config/runtime-directory.ts'
import type { Config } from './config/schema.ts'
import { administrationExtensions, extensions, registrationExtensions } from './extensions.ts'
import type { LeveledLog, Log } from './log.ts'
import { accountCommands } from './operate/account.ts'
import { domainCommands } from './operate/domain.ts'
import { inviteCommands } from './operate/invite.ts'
import { LogRaise } from './operate/log-raise.ts'
import { registrationCommands } from './operate/registration.ts'
import { AccountLife } from './registration/account-life.ts'
import { passwordStrength } from './registration/password-strength.ts'
import { Registration } from './registration/registration.ts'
import { SignIns } from './registration/sign-ins.ts'
import { ServedDomains, type ServedDomain } from './routing/domains.ts'
import type { Extension } from './routing/extension.ts'
import { install, type Installation } from './routing/installation.ts'
import { Sessions } from './routing/sessions.ts'
import { DomainList } from './s2s/domain-list.ts'
import { openDatabase, type Database } from './store/database.ts'
import { DataLock } from './store/lock.ts'
import { StoreError } from './store/store-error.ts'
import { Jid } from './xmpp/jid.ts'

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
  readonly attempts: Sides<Attempts>
  readonly accountLife: AccountLife
  readonly registration: Registration
  readonly domains: ServedDomains
  readonly sessions: Sessions
  /** Which remote domains there may be streams with. */
  readonly remoteDomains: DomainList
  readonly logRaise: LogRaise
  readonly installation: Installation
  readonly onionKeys: OnionKeys
  /** Changes the storage key, and the passphrase where one is given. @throws StoreError, SealBroken */
  rotateKey(passphrase?: string): Promise<void>
  /** Writes what is not written yet and gives the data directory back; a second time it does nothing. */
  close(): void
}

/**
 * Opens it; `more` are extensions that only the caller can make.
 *
 * @throws StoreError, TorError for a broken onion key, ConfigError where no passphrase is to be had
 */
export async function openHouse(
  config: Config, clock: Clock, log: LeveledLog, more: readonly Extension[] = [], surroundings: Surroundings = NOBODY,
): Promise<House> {
  const { data } = config.files
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const lock = new DataLock(data)
  try {
    refuseHalfRestored(data)
    const database = openDatabase(join(data, 'sotto.db'))
    try {
      return await furnish(config, clock, log, more, surroundings, database, lock)
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
  config: Config, clock: Clock, log: LeveledLog, more: readonly Extension[], surroundings: Surroundings, database: Database, lock: DataLock,
): Promise<House> {
  const source = keySource(config, surroundings)
  const holder = await openStorageKey(database, source)
  const { key } = holder
  const onionKeys = new OnionKeys({
    database, key, folder: join(config.files.data, 'onion'), isSealed: source.passphrase !== undefined,
    memory: () => makeMemoryDirectory(config, surroundings.environment),
  })
  const domains = new ServedDomains(await Promise.all(config.domains.map((domain) => served(domain, onionKeys))))
  const credentials = new Credentials(config.auth)
  // Accounts are there before the extensions that want to hear of them.
  const built: { installation?: Installation } = {}
  const labels = new Map(domains.all().map(({ name, label }) => [name, label]))
  const accounts = new Accounts({
    database, key, credentials, clock,
    domains: labels,
    events: {
      created: (account) => built.installation?.tables.account.created(account),
      deleted: (account) => built.installation?.tables.account.deleted(account),
      passwordChanged: (account) => built.installation?.tables.account.passwordChanged(account),
    },
  })
  const tokens = new Tokens({
    database, key, clock, domains: labels, lifetime: config.auth.token_lifetime, perAccount: config.limits.sessions_per_account,
  })
  const strength = await passwordStrength(config.registration.password_score)
  const registration = new Registration({ accounts, database, config, domains, clock, strength })
  const sessions = new Sessions()
  const accountLife = new AccountLife({
    accounts, sessions, database, signIns: new SignIns(clock),
    stored: () => built.installation?.tables.account,
  })
  const remoteDomains = new DomainList()
  const logRaise = new LogRaise(log)
  const own = [
    legacySession, registration.extension, ...registrationExtensions({ office: registration, life: accountLife, domains, clock }),
    ...administrationExtensions({ office: registration, accounts, life: accountLife }),
    accountCommands(accounts, accountLife, registration), registrationCommands(registration), inviteCommands(registration),
    domainCommands(remoteDomains), logRaise.extension,
  ]
  // What a blocked domain sends is dropped before it changes anything; tokens wait for the disk, what else a login asks for does not.
  const installation = built.installation = install([remoteDomains.extension, fastAuthentication(accounts, tokens), ...extensions, ...own, ...more], {
    config, database, key, domains, sessions, accounts, clock, log,
  })
  const rotateKey = (passphrase?: string): Promise<void> => holder.rotate((old, next) => {
    accounts.reseal(old, next)
    onionKeys.reseal(old, next)
    installation.tables.seals.resealed(old, next)
  }, passphrase)
  if (holder.isDue) await rotateKey()
  await followNames(database, domains, accounts, installation)
  return {
    config, clock, log, database, accounts, credentials, attempts: new Sides(() => new Attempts(config.auth, clock)), accountLife, registration,
    domains, sessions, remoteDomains, logRaise, installation, onionKeys, rotateKey,
    close: () => {
      database.close()
      onionKeys.forget()
      lock.release()
    },
  }
}

/** Where an onion has another key than the tables know of, what is stored of its accounts goes with it to the new name. */
async function followNames(database: Database, domains: ServedDomains, accounts: Accounts, { tables }: Installation): Promise<void> {
  for (const { label, name } of domains.all()) {
    const before = label === name ? name : nameInTables(database, label)
    if (before === name) continue
    await database.write(() => {
      for (const account of before === undefined ? [] : accounts.list(name)) {
        const known = Jid.of(account.local, before ?? '')
        if (known !== undefined) tables.account.renamed(known, account)
      }
      recordName(database, label, name)
    })
  }
}

/** @throws StoreError */
function refuseHalfRestored(data: string): void {
  if (!existsSync(join(data, RESTORE_MARK))) return
  throw new StoreError(data, 'holds a backup that was not restored to its end', 'Give the same sotto backup restore once more.')
}

function keySource(config: Config, surroundings: Surroundings): StorageKeySource {
  const keys = join(config.files.data, 'keys')
  return {
    keyFile: config.keys.file === '' ? join(keys, 'storage.key') : config.keys.file,
    saltFile: join(keys, 'storage.salt'),
    passphrase: passphraseSource(config.keys, surroundings),
  }
}

/** Where a program is started by no person and no service. */
const NOBODY: Surroundings = {
  environment: {},
  askPassphrase: () => Promise.reject(new StoreError('keys.passphrase_prompt', 'nobody can be asked here', 'Start the program itself.')),
}

/** The domain with its real name: that of 'onion' follows from its key, which is made at the first start. */
async function served(domain: Config['domains'][number], onionKeys: OnionKeys): Promise<ServedDomain> {
  const onionAddress = domain.onion_service === true ? await onionKeys.address(domain.name) : undefined
  const name = domain.name === 'onion' ? onionAddress : domain.name
  if (name === undefined) throw new Error('the domain "onion" has no onion service') // the configuration's loader refuses it
  return { name, label: domain.name, onionAddress, config: domain }
}
