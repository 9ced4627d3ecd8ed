import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../src/clock.ts'
import { loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'
import { Scenario } from '../scenario/scenario.ts'
import { ask, fieldsOf, type Way } from './browser.ts'
import { answerOf } from './question.ts'

/** Hashes that cost little, and limits that no test meets by accident. */
const LEAN = `
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
scram_iterations = 65536
[registration]
accounts_per_peer = 1000
accounts_per_domain = 1000
accounts = 1000
challenges_per_peer = 10000
challenges = 10000
failures_per_peer = 10000
`

/** A whole server with its pages: real sockets, but tor has no network. */
export class Serving {
  readonly scenario: Scenario
  readonly #clock: SkippingClock
  readonly #folder: string

  private constructor(scenario: Scenario, clock: SkippingClock, folder: string) {
    this.scenario = scenario
    this.#clock = clock
    this.#folder = folder
  }

  static async start(toml: string, accounts: Readonly<Record<string, string>> = {}): Promise<Serving> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-web-'))
    writeFileSync(join(folder, 'torrc'), 'DisableNetwork 1\n')
    const clock = new SkippingClock()
    const scenario = await Scenario.start(`${toml}\n[tor]\ntorrc = "${join(folder, 'torrc')}"\n${LEAN}`, accounts, clock)
    return new Serving(scenario, clock, folder)
  }

  /** Behind the onion of the domain with that label. */
  onion(index: number, label: string, circuit = 31): Way {
    const { address } = loadOrCreateOnionKey(join(this.scenario.folder, 'data', 'onion', label))
    return { address: { path: join(this.scenario.runtime, `web-${index}.sock`) }, host: address, circuit }
  }

  /** By the listener at that place of the configuration. */
  https(domain: string, listener = 0): Way {
    const port = this.scenario.ports[listener] ?? 0
    return { address: { host: '127.0.0.1', port }, host: `${domain}:${port}`, serverName: domain }
  }

  /** What a person would send who fills in the form of that site for an account. */
  async filled(way: Way, name: string, password: string): Promise<Record<string, string>> {
    this.#clock.skip(1000) // pictures are drawn so many a second
    const { body } = await ask(way, '/register')
    const [, question = ''] = /<p id="question">([^<]*)<\/p>/.exec(body) ?? []
    return { ...fieldsOf(body), name, password, again: password, answer: answerOf(question) }
  }

  async stop(): Promise<void> {
    await this.scenario.stop()
    rmSync(this.#folder, { recursive: true })
  }
}

/** The system's, which a test may put forward. */
class SkippingClock implements Clock {
  readonly after = systemClock.after
  #skipped = 0

  now(): number {
    return systemClock.now() + this.#skipped
  }

  elapsed(): number {
    return systemClock.elapsed() + this.#skipped
  }

  skip(milliseconds: number): void {
    this.#skipped += milliseconds
  }
}
