import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as passed } from 'node:timers/promises'
import { WAY_OUT, type Namespace } from './namespace.ts'

const PATIENCE_MILLISECONDS = 15_000
const POLL_MILLISECONDS = 20
/** Of each packet its head alone, and 16 MB of them: by default a busy machine has room for eight packets. */
const ROOM = ['-s', '128', '-B', '16384']
/** A line for each, with numbers for names. */
const FORM = ['-n', '-q', '-t', '-l']
/** Answers of ARP tell nobody anything: who asks has the address already. */
const ALL = 'not (arp and arp[6:2] = 2)'
/** Of the packet that is sent last of all (RFC 863: discard). */
const LAST_PORT = 9

/** Sees every packet that leaves a namespace. */
export class Capture {
  readonly #namespace: Namespace
  readonly #tcpdump: ChildProcess
  #lines = ''
  #said = ''

  private constructor(namespace: Namespace) {
    this.#namespace = namespace
    this.#tcpdump = namespace.spawn('tcpdump', '-i', WAY_OUT, '-Q', 'out', ...ROOM, ...FORM, '--immediate-mode', ALL)
    this.#tcpdump.stdout?.setEncoding('utf8').on('data', (text: string) => { this.#lines += text })
    this.#tcpdump.stderr?.setEncoding('utf8').on('data', (text: string) => { this.#said += text })
  }

  static async start(namespace: Namespace): Promise<Capture> {
    const capture = new Capture(namespace)
    await capture.#until(() => capture.#said.includes('listening on'), 'it listens')
    return capture
  }

  /**
   * Ends it, and tells where packets went until now, each place once: 'ADDRESS PORT', or 'ADDRESS' where there is no
   * port, as where the neighbor with that address is looked for (ARP).
   */
  async stop(): Promise<readonly string[]> {
    const { nowhere } = this.#namespace
    const last = `${nowhere}.${LAST_PORT}: `
    this.#namespace.run('bash', '-c', `echo >/dev/udp/${nowhere}/${LAST_PORT}`)
    await this.#until(() => this.#lines.includes(last), 'the last packet shows')
    const closed = once(this.#tcpdump, 'close')
    this.#tcpdump.kill('SIGINT')
    await closed
    if (!/^0 packets dropped by kernel$/m.test(this.#said)) throw new Error(`the capture has gaps: ${this.#said}`)
    const before = this.#lines.split('\n').filter((line) => line !== '' && !line.includes(last))
    return [...new Set(before.map(placeOf))]
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    for (const deadline = Date.now() + PATIENCE_MILLISECONDS; !condition(); await passed(POLL_MILLISECONDS)) {
      if (this.#tcpdump.exitCode !== null || Date.now() > deadline) throw new Error(`tcpdump: not that ${what}: ${this.#said}${this.#lines}`)
    }
  }
}

/** A line that says something else stands for itself, so that no packet goes unseen. */
function placeOf(line: string): string {
  const [, to = line] = /^IP \S+ > (\S+): /.exec(line) ?? /^ARP, Request who-has (\S+)/.exec(line) ?? []
  const [, address = to, port] = /^(\d+\.\d+\.\d+\.\d+)(?:\.(\d+))?,?$/.exec(to) ?? []
  return port === undefined ? address : `${address} ${port}`
}
