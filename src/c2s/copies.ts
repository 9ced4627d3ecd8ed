import type { Element } from '../xml/element.ts'

/**
 * Messages that were sent to several resources of an account: such a one is lost when the last of them has lost it and
 * none has got it, and its sender is told once, then. Each copy is the same element, so that nothing needs to be counted
 * before it is sent.
 */
export class Copies {
  readonly #waiting = new WeakMap<Element, number>()

  /** One more session waits for its client to acknowledge it. */
  wait(stanza: Element): void {
    this.#waiting.set(stanza, (this.#waiting.get(stanza) ?? 0) + 1)
  }

  /** A client has got it, as far as one can know. */
  arrived(stanza: Element): void {
    this.#waiting.set(stanza, Number.POSITIVE_INFINITY)
  }

  /** One of those sessions ended before its client had it: was it the last one? */
  lost(stanza: Element): boolean {
    const left = (this.#waiting.get(stanza) ?? 1) - 1
    this.#waiting.set(stanza, left)
    return left <= 0
  }
}
