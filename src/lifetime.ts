/** A part of the server with a beginning and an end. */
export interface Lifetime {
  readonly name: string
  start?(): void | Promise<void>
  stop?(): void | Promise<void>
}

/**
 * Starts parts in order and stops them in reverse. If one fails to start, those already started are stopped again
 * and the failure is thrown. A part that fails to stop does not keep the others from stopping.
 */
export class Lifetimes {
  readonly #parts: readonly Lifetime[]
  readonly #started: Lifetime[] = []
  readonly #onStopFailure: (name: string, error: unknown) => void

  constructor(parts: readonly Lifetime[], onStopFailure: (name: string, error: unknown) => void) {
    this.#parts = parts
    this.#onStopFailure = onStopFailure
  }

  async start(): Promise<void> {
    for (const part of this.#parts) {
      try {
        await part.start?.()
      } catch (error) {
        await this.stop()
        throw error
      }
      this.#started.push(part)
    }
  }

  async stop(): Promise<void> {
    for (let part = this.#started.pop(); part !== undefined; part = this.#started.pop()) {
      try {
        await part.stop?.()
      } catch (error) {
        this.#onStopFailure(part.name, error)
      }
    }
  }
}
