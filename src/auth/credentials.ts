import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import * as argon2 from 'argon2'
import type { Config } from '../config/schema.ts'
import { SCRAM_HASHES, type ScramHash, type ScramVerifier, type Verifiers } from './verifiers.ts'
import { WorkQueue } from './work-queue.ts'

export type CredentialSettings =
  Pick<Config['auth'], 'scram_iterations' | 'argon2_memory' | 'argon2_passes' | 'argon2_parallel' | 'argon2_queue'>

/** What one guess at a password costs: PBKDF2 rounds; kibibytes, passes and lanes of argon2id. */
export interface Cost {
  readonly iterations: number
  readonly memory: number
  readonly passes: number
  readonly lanes: number
}

const derive = promisify(pbkdf2)
const SALT_BYTES = 16
const HASH_BYTES = 32

/**
 * Makes and checks verifiers. All of it is slow on purpose, runs on Node's thread pool, and is bounded both in how
 * much runs at once and in how much waits.
 */
export class Credentials {
  /** Of verifiers that are made now. */
  readonly cost: Cost
  readonly #queue: WorkQueue

  constructor(settings: CredentialSettings) {
    this.cost = {
      iterations: settings.scram_iterations,
      memory: Math.floor(settings.argon2_memory / 1024),
      passes: settings.argon2_passes,
      lanes: 1, // more would take threads of the pool and gain nothing: the queue keeps the cores busy
    }
    this.#queue = new WorkQueue(settings.argon2_parallel, settings.argon2_queue)
  }

  /** Of a prepared password; every hash has its own salt. @throws QueueFull */
  make(password: string): Promise<Verifiers> {
    const { iterations, memory, passes, lanes } = this.cost
    return this.#queue.run(async () => ({
      argon2: await argon2.hash(password, {
        type: argon2.argon2id, memoryCost: memory, timeCost: passes, parallelism: lanes, hashLength: HASH_BYTES,
      }),
      scram: {
        'SHA-512': await scramVerifier('SHA-512', password, randomBytes(SALT_BYTES), iterations),
        'SHA-256': await scramVerifier('SHA-256', password, randomBytes(SALT_BYTES), iterations),
        'SHA-1': await scramVerifier('SHA-1', password, randomBytes(SALT_BYTES), iterations),
      },
    }))
  }

  /** Is it this password? A malformed PHC string matches nothing. @throws QueueFull */
  matches(phc: string, password: string): Promise<boolean> {
    return this.#queue.run(async () => {
      try {
        return await argon2.verify(phc, password)
      } catch {
        return false
      }
    })
  }
}

/** Of a prepared password (RFC 5802 §3). */
export async function scramVerifier(
  hash: ScramHash, password: string, salt: Buffer, iterations: number,
): Promise<ScramVerifier> {
  const digest = digestName(hash)
  const saltedPassword = await derive(password, salt, iterations, hashBytes(hash), digest)
  const clientKey = createHmac(digest, saltedPassword).update('Client Key').digest()
  const storedKey = createHash(digest).update(clientKey).digest()
  const serverKey = createHmac(digest, saltedPassword).update('Server Key').digest()
  return { salt, iterations, storedKey, serverKey }
}

/**
 * Verifiers of the right shape and cost that match no password: all that a password would decide is random. Nothing
 * slow is computed.
 */
export function emptyVerifiers(cost: Cost): Verifiers {
  const scram = (hash: ScramHash): ScramVerifier => ({
    salt: randomBytes(SALT_BYTES),
    iterations: cost.iterations,
    storedKey: randomBytes(hashBytes(hash)),
    serverKey: randomBytes(hashBytes(hash)),
  })
  const random = (bytes: number): string => randomBytes(bytes).toString('base64').replaceAll('=', '')
  const { memory, passes, lanes } = cost
  return {
    scram: { 'SHA-512': scram('SHA-512'), 'SHA-256': scram('SHA-256'), 'SHA-1': scram('SHA-1') },
    argon2: `$argon2id$v=19$m=${memory},t=${passes},p=${lanes}$${random(SALT_BYTES)}$${random(HASH_BYTES)}`,
  }
}

/**
 * The cost that these verifiers were made at. Parameters are compared one by one from here: argon2's own
 * needsRehash takes what is stronger for outdated, and ignores the variant.
 */
export function costOf({ scram, argon2: phc }: Verifiers): Cost {
  const iterations = Math.min(...SCRAM_HASHES.map((hash) => scram[hash].iterations))
  const [, parameters] = /^\$argon2id\$v=19\$([a-z0-9=,]{1,64})\$/.exec(phc) ?? []
  const named = new Map(parameters?.split(',').map((parameter) => {
    const [name = '', value] = parameter.split('=')
    return [name, Number(value)]
  }))
  return { iterations, memory: named.get('m') ?? 0, passes: named.get('t') ?? 0, lanes: named.get('p') ?? 0 }
}

/** Is a guess cheaper there than here, in any way? What is stronger stays. */
export function isCheaper(stored: Cost, present: Cost): boolean {
  return stored.iterations < present.iterations || stored.memory < present.memory || stored.passes < present.passes
}

/** A key of 32 bytes from an operator's passphrase, with argon2id. */
export function keyFromPassphrase(passphrase: string, salt: Buffer, cost: Omit<Cost, 'iterations'>): Promise<Buffer> {
  return argon2.hash(passphrase, {
    raw: true, salt, type: argon2.argon2id, hashLength: 32,
    memoryCost: cost.memory, timeCost: cost.passes, parallelism: cost.lanes,
  })
}

export function digestName(hash: ScramHash): 'sha1' | 'sha256' | 'sha512' {
  return hash === 'SHA-1' ? 'sha1' : hash === 'SHA-256' ? 'sha256' : 'sha512'
}

export function hashBytes(hash: ScramHash): number {
  return hash === 'SHA-1' ? 20 : hash === 'SHA-256' ? 32 : 64
}
