import { isUnderOnion } from '../xmpp/domainpart.ts'

/**
 * One for domains that are onions and one for those that have a name: for what whoever fills it at one would see at the
 * other, though the two need not be known to be one server's.
 */
export class Sides<T> {
  readonly #ofOnions: T
  readonly #ofNames: T

  constructor(make: (side: 'onions' | 'names') => T) {
    this.#ofOnions = make('onions')
    this.#ofNames = make('names')
  }

  /** What follows from each. */
  map<U>(make: (one: T) => U): Sides<U> {
    return new Sides((side) => make(side === 'onions' ? this.#ofOnions : this.#ofNames))
  }

  of(domain: string): T {
    return isUnderOnion(domain) ? this.#ofOnions : this.#ofNames
  }
}
