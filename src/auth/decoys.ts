import { createHmac } from 'node:crypto'
import { emptyVerifiers, type Cost } from './credentials.ts'
import type { StorageKey } from './sealing.ts'
import { encodeVerifiers, SCRAM_HASHES, type Verifiers } from './verifiers.ts'

/**
 * What a peer is shown of a name that is no account, so that it cannot tell it from one: salts that stay the same
 * from one try to the next (RFC 5802 leaves them to the server), at a cost that real accounts have.
 *
 * The work is the same, too: for every name, accounts or not, the decoy's salts are computed and one seal is opened.
 */
export class Decoys {
  /** What the salts follow from. It stays when the storage key changes: salts that changed would tell who is no account. */
  readonly secret: Buffer
  readonly #key: StorageKey
  readonly #standard: Cost
  /** How many accounts have which cost; more than one where the operator changed it and passwords are older. */
  readonly #census = new Map<string, number>()
  readonly #sealed = new Map<string, Buffer>()

  constructor(key: StorageKey, secret: Buffer, standard: Cost) {
    this.secret = secret
    this.#key = key
    this.#standard = standard
  }

  /** Keeps count of the costs that accounts have. */
  count(cost: string, change: 1 | -1): void {
    const number = (this.#census.get(cost) ?? 0) + change
    if (number > 0) this.#census.set(cost, number)
    else this.#census.delete(cost)
  }

  /** Sealed verifiers that match nothing, as a row would hold them: opened like those of an account. */
  sealedFor(name: string): { readonly sealed: Buffer; readonly owner: string } {
    const cost = this.#costFor(name)
    let sealed = this.#sealed.get(cost)
    if (sealed === undefined) {
      sealed = this.#key.seal(VERIFIERS, DECOY, encodeVerifiers(emptyVerifiers(parseCost(cost))))
      this.#sealed.set(cost, sealed)
    }
    return { sealed, owner: DECOY }
  }

  /** To be called when the storage key changes. */
  forgetSeals(): void {
    this.#sealed.clear()
  }

  /** The salts of this name, one for each hash; they survive a restart and a change of the storage key. */
  saltsFor(name: string): readonly Buffer[] {
    return SCRAM_HASHES.map((hash) => this.#digest(`${hash} ${name}`).subarray(0, 16))
  }

  /** A cost as likely as it is among accounts, and always the same for one name while accounts stay as they are. */
  #costFor(name: string): string {
    const costs = [...this.#census].sort(([one], [other]) => one < other ? -1 : 1)
    const total = costs.reduce((sum, [, number]) => sum + number, 0)
    let place = this.#digest(`cost ${name}`).readUInt32BE() / 2 ** 32 * total
    for (const [cost, number] of costs) {
      if (place < number) return cost
      place -= number
    }
    return formatCost(this.#standard)
  }

  #digest(text: string): Buffer {
    return createHmac('sha256', this.secret).update(text).digest()
  }
}

/** The purpose under which verifiers are sealed: table and field. */
export const VERIFIERS = 'account.verifiers'

/** Owner of the decoys' seals; no account's, as those hold an @. */
const DECOY = 'decoy'

export function withSalts({ scram, argon2 }: Verifiers, salts: readonly Buffer[]): Verifiers {
  const [sha512 = NO_SALT, sha256 = NO_SALT, sha1 = NO_SALT] = salts
  return {
    argon2,
    scram: {
      'SHA-512': { ...scram['SHA-512'], salt: sha512 },
      'SHA-256': { ...scram['SHA-256'], salt: sha256 },
      'SHA-1': { ...scram['SHA-1'], salt: sha1 },
    },
  }
}

const NO_SALT = Buffer.alloc(0)

export function formatCost({ iterations, memory, passes, lanes }: Cost): string {
  return [iterations, memory, passes, lanes].join(',')
}

function parseCost(text: string): Cost {
  const [iterations = 0, memory = 0, passes = 0, lanes = 0] = text.split(',').map(Number)
  return { iterations, memory, passes, lanes }
}
