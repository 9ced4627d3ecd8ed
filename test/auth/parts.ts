import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { Accounts, type AccountEvents } from '../../src/auth/accounts.ts'
import { Attempts } from '../../src/auth/attempts.ts'
import { Credentials, digestName, hashBytes } from '../../src/auth/credentials.ts'
import type { SaslContext } from '../../src/auth/mechanism.ts'
import { StorageKey } from '../../src/auth/sealing.ts'
import type { ScramHash } from '../../src/auth/verifiers.ts'
import { TestClock } from '../clock.ts'
import { openDatabase, type Database } from '../../src/store/database.ts'
import { Jid } from '../../src/xmpp/jid.ts'

/** Cheap, as tests make many; the cost is checked by the tests that are about it. */
export const SETTINGS = {
  scram_iterations: 1000,
  argon2_memory: 64 * 1024,
  argon2_passes: 1,
  argon2_parallel: 2,
  argon2_queue: 64,
  attempts_per_account: 10,
  attempts_per_peer: 20,
  attempts_window: 600_000,
}

export interface TestParts {
  readonly database: Database
  readonly key: StorageKey
  readonly clock: TestClock
  readonly attempts: Attempts
  readonly credentials: Credentials
  readonly accounts: Accounts
}

interface Chosen {
  readonly database?: Database
  readonly key?: StorageKey
  readonly settings?: Partial<typeof SETTINGS>
  readonly events?: AccountEvents
  readonly domains?: ReadonlyMap<string, string>
}

export const ONION = `${'v'.repeat(56)}.onion`

/** The real parts on a database in memory, serving montague.lit and an onion. */
export function makeParts(chosen: Chosen = {}): TestParts {
  const settings = { ...SETTINGS, ...chosen.settings }
  const database = chosen.database ?? openDatabase(':memory:')
  const key = chosen.key ?? new StorageKey(Buffer.alloc(32, 7))
  const clock = new TestClock(Date.UTC(2025, 0, 31, 23))
  const credentials = new Credentials(settings)
  const domains = chosen.domains ?? new Map([['montague.lit', 'montague.lit'], [ONION, 'onion']])
  const events = chosen.events ?? { created: () => undefined, deleted: () => undefined }
  const accounts = new Accounts({ database, key, credentials, domains, events, clock })
  return { database, key, clock, credentials, accounts, attempts: new Attempts(settings, clock) }
}

export function jid(text: string): Jid {
  const parsed = Jid.parse(text)
  if (parsed === undefined) throw new Error(`${text} is no JID`)
  return parsed
}

export function contextOf(chosen: Partial<SaslContext> = {}): SaslContext {
  const bindings = { channelBindings: new Map(), unlistedBindings: new Map() }
  const standard = { domain: 'montague.lit', peer: 'circuit-1', secured: true, ...bindings, offered: [] }
  return { ...standard, ...chosen }
}

/** The client's side of RFC 5802 §3, written from the text and apart from the server's. */
export class ScramClient {
  readonly #hash: ScramHash
  readonly #password: string
  readonly #header: string
  readonly #binding: Buffer
  readonly #bare: string

  constructor(hash: ScramHash, username: string, password: string,
    chosen: { readonly header?: string; readonly nonce?: string; readonly binding?: Buffer } = {}) {
    const { header = 'n,,', nonce = 'fyko+d2lbbFgONRv9qkxdawL', binding = Buffer.alloc(0) } = chosen
    this.#hash = hash
    this.#password = password
    this.#header = header
    this.#binding = binding
    this.#bare = `n=${username},r=${nonce}`
  }

  first(): Buffer {
    return Buffer.from(this.#header + this.#bare)
  }

  /**
   * The last message, and the one that the server has to answer with.
   *
   * @param wrongNonce sent in place of the right one, and proven as such
   */
  final(serverFirst: Buffer, wrongNonce?: string): { readonly message: Buffer; readonly expected: string } {
    const digest = digestName(this.#hash)
    const [, nonce = '', saltText = '', iterations = ''] =
      /^r=([^,]+),s=([^,]+),i=(\d+)(?:,|$)/.exec(serverFirst.toString()) ?? []
    const salt = Buffer.from(saltText, 'base64')
    const salted = pbkdf2Sync(this.#password, salt, Number(iterations), hashBytes(this.#hash), digest)
    const hmac = (key: Buffer, text: string): Buffer => createHmac(digest, key).update(text).digest()
    const clientKey = hmac(salted, 'Client Key')
    const c = Buffer.concat([Buffer.from(this.#header), this.#binding]).toString('base64')
    const withoutProof = `c=${c},r=${wrongNonce ?? nonce}`
    const text = `${this.#bare},${serverFirst.toString()},${withoutProof}`
    const signature = hmac(createHash(digest).update(clientKey).digest(), text)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString('base64')
    const message = Buffer.from(`${withoutProof},p=${proof}`)
    return { message, expected: `v=${hmac(hmac(salted, 'Server Key'), text).toString('base64')}` }
  }
}
