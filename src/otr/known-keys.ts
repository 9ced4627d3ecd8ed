import type { KeyMemory } from './classified.ts'

/** A conversation uses the next key of either side and the one before; a crossing message may bring one more. */
const KEYS_PER_DIRECTION = 4
const MOST_DIRECTIONS = 4096

/**
 * Remembers which public keys were found good, by direction of a conversation, so that the costly check is made
 * once a key. Only keys are remembered, never that a message was good: each message is judged by itself.
 * About 4 MB where all of it is in use; the direction unused for longest is forgotten first.
 */
export class KnownKeys {
  readonly #directions = new Map<string, KeyRing>()

  /** `from` and `to` are addresses as text; what they mean is the caller's business. */
  of(from: string, to: string): KeyMemory {
    const name = `${from}\n${to}`
    let ring = this.#directions.get(name)
    if (ring === undefined) {
      ring = new KeyRing()
      if (this.#directions.size >= MOST_DIRECTIONS) this.#forgetOldest()
    } else {
      this.#directions.delete(name)
    }
    this.#directions.set(name, ring)
    return ring
  }

  #forgetOldest(): void {
    for (const name of this.#directions.keys()) {
      this.#directions.delete(name)
      return
    }
  }
}

class KeyRing implements KeyMemory {
  readonly #keys: string[] = []

  knows(key: string): boolean {
    return this.#keys.includes(key)
  }

  remember(key: string): void {
    if (this.#keys.length >= KEYS_PER_DIRECTION) this.#keys.shift()
    this.#keys.push(key)
  }
}
