import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'

/** The only way out, as it is called inside. */
export const WAY_OUT = 'eth0'
/** RFC 2544: addresses for networks that are measured, which nobody has elsewhere. Each of ours has eight of them. */
const ADDRESSES = 8
/** The one in that list which DNS has. */
const RESOLVER = 3

/**
 * A network of its own for processes, with one way out: a cable, at whose other end this machine has some addresses
 * for the rest of the world. Whatever is sent anywhere else leaves by the cable, too, and arrives nowhere.
 */
export class Namespace {
  /** At the other end of the cable: where Tor's relays are, another server, and the resolver of /etc/resolv.conf. */
  readonly relays: string
  readonly peer: string
  readonly resolver: string
  /** Takes packets and answers none. */
  readonly nowhere: string
  readonly #cable = `sotto${randomBytes(4).toString('hex')}`
  /**
   * Keeps the namespace, which goes with the last process in it, and the cable with the namespace. It ends with our end
   * of its stdin, however we end.
   */
  readonly #holder: ChildProcess
  readonly #children: ChildProcess[] = []

  private constructor(holder: ChildProcess, [inside = '', relays = '', peer = '', resolver = '', nowhere = '']: readonly string[]) {
    this.#holder = holder
    this.relays = relays
    this.peer = peer
    this.resolver = resolver
    this.nowhere = nowhere
    ip('link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', WAY_OUT, 'netns', String(holder.pid))
    const within = (...args: readonly string[]) => this.run('ip', ...args)
    for (const [run, end] of [[ip, this.#cable], [within, WAY_OUT]] as const) {
      // IPv6, where there is any, has no address then, and sends nothing by itself.
      if (existsSync('/proc/sys/net/ipv6')) run('link', 'set', end, 'addrgenmode', 'none')
      run('link', 'set', end, 'up')
    }
    for (const address of [relays, peer, resolver]) ip('address', 'add', `${address}/29`, 'dev', this.#cable)
    within('link', 'set', 'lo', 'up')
    within('address', 'add', `${inside}/29`, 'dev', WAY_OUT)
    within('neighbor', 'add', nowhere, 'lladdr', '02:00:00:00:00:01', 'dev', WAY_OUT)
    within('route', 'add', 'default', 'via', nowhere)
  }

  /**
   * `resolvConf`: the file that is made and shown as /etc/resolv.conf to the processes in there alone.
   *
   * @throws Error where namespaces are refused, e.g. without root
   */
  static async make(resolvConf: string): Promise<Namespace> {
    const addresses = freeAddresses()
    writeFileSync(resolvConf, `nameserver ${addresses[RESOLVER]}\n`)
    const script = 'mount --bind "$1" /etc/resolv.conf && echo ready && exec cat'
    const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script, 'sh', resolvConf], { stdio: ['pipe', 'pipe', 'inherit'] })
    const [ready] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]) as [unknown]
    try {
      if (String(ready).trim() !== 'ready') throw new Error('no network namespace: it is refused on this machine')
      return new Namespace(holder, addresses)
    } catch (error) {
      holder.stdin.end()
      throw error
    }
  }

  /** What goes before a command that is to run in it. The process is the command's own; it ends with ours, however that ends. */
  get enter(): readonly string[] {
    return ['nsenter', '--target', String(this.#holder.pid), '--net', '--mount', 'setpriv', '--pdeathsig', 'KILL']
  }

  run(...command: readonly string[]): string {
    const [program = '', ...args] = [...this.enter, ...command]
    return execFileSync(program, args, { encoding: 'utf8' })
  }

  /** Runs until it ends, or this namespace. */
  spawn(...command: readonly string[]): ChildProcess {
    const [program = '', ...args] = [...this.enter, ...command]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#children.push(child)
    return child
  }

  /** Makes a unix socket at `path` that leads to a port of its loopback: files are no matter of networks. */
  async door(path: string, port: number): Promise<void> {
    const child = this.spawn(process.execPath, '--eval', DOOR, path, String(port))
    if (child.stdout === null) throw new Error('a door has a stdout')
    const [open] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]) as [unknown]
    if (String(open).trim() !== 'open') throw new Error(`no door at ${path}`)
  }

  async remove(): Promise<void> {
    const gone = [this.#holder, ...this.#children].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      .map((child) => once(child, 'exit'))
    for (const child of this.#children) child.kill('SIGKILL')
    this.#holder.stdin?.end()
    await Promise.all(gone)
  }
}

const DOOR = `
  const { connect, createServer } = require('node:net')
  const [path, port] = process.argv.slice(1)
  createServer((near) => {
    const far = connect(Number(port), '127.0.0.1')
    for (const [one, other] of [[near, far], [far, near]]) one.on('error', () => {}).on('close', () => other.destroy()).pipe(other)
  }).listen(path, () => console.log('open'))
`

/** All but the first and last of a block that nobody on this machine uses. */
function freeAddresses(): readonly string[] {
  for (;;) {
    const [network, first] = [`198.${18 + randomInt(2)}.${randomInt(256)}`, ADDRESSES * randomInt(256 / ADDRESSES)]
    if (ip('-4', 'address', 'show', 'to', `${network}.${first}/29`) !== '') continue
    return Array.from({ length: ADDRESSES - 2 }, (_, index) => `${network}.${first + index + 1}`)
  }
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' })
}
