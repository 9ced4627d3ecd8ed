import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { kill, killTorsUnder } from './leftovers.ts'
import { Relay, type AuthorityIdentity } from './relay.ts'
import { schedule, type Schedule } from './schedule.ts'

/** Fewer do not do: with three nodes an onion service is not reached, with two a client does not bootstrap. */
const RELAYS = 5
const CONSENSUS_MILLISECONDS = 60_000
const BOOTSTRAP_MILLISECONDS = 90_000

export interface NetworkOptions {
  /** Where the relays listen: loopback, or an address that a network namespace reaches. */
  readonly address?: string
  /** A resolv.conf for the relays as exits: whom they ask for names. This machine's by default. */
  readonly resolvConf?: string
  readonly report?: (line: string) => void
}

/**
 * A Tor network of one directory authority and four relays, all exits, on one machine and without the Internet. A tor
 * joins it by `%include`-ing `clientTorrc`. It is ready after 15 to 25 s and takes 260 MB.
 */
export class TorNetwork {
  readonly directory: string
  readonly clientTorrc: string
  /** Seconds since the epoch: after the next consensus new clients may hang. */
  readonly goodUntil: number
  readonly #relays: readonly Relay[]
  readonly #consensus: string
  readonly #exit: () => void

  private constructor(directory: string, relays: readonly Relay[], consensus: string, goodUntil: number) {
    this.directory = directory
    this.clientTorrc = clientTorrcOf(directory)
    this.goodUntil = goodUntil
    this.#relays = relays
    this.#consensus = consensus
    this.#exit = () => this.#kill()
    process.on('exit', this.#exit)
  }

  /** Ends what an earlier network has left in `directory`, and starts one; again where the first consensus is partial. */
  static async start(directory: string, options: NetworkOptions = {}): Promise<TorNetwork> {
    const folder = resolve(directory)
    const report = options.report ?? (() => {})
    await killTorsUnder(folder)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (let attempt = 0; ; attempt += 1) {
      const network = await TorNetwork.#spawn(folder, options, attempt)
      if (network === undefined) throw new Error(`no full consensus after ${attempt} attempts; see ${folder}`)
      try {
        await network.#ready()
        report(`private Tor network in ${folder}, good for ${Math.floor((network.goodUntil - Date.now() / 1000) / 60)} minutes`)
        return network
      } catch (error) {
        await network.stop()
        report(`${String(error)}; once more`)
      }
    }
  }

  static async #spawn(folder: string, options: NetworkOptions, attempt: number): Promise<TorNetwork | undefined> {
    const { address = '127.0.0.1', resolvConf } = options
    const ports = await freePorts(address, RELAYS * 2)
    const relays = Array.from({ length: RELAYS }, (_, index) => new Relay(folder, index, { onion: ports[2 * index] ?? 0, directory: ports[2 * index + 1] ?? 0 }))
    const [authority] = relays
    if (authority === undefined) throw new Error('a network has relays')
    for (const relay of relays) relay.prepare()
    const empty = join(folder, 'empty.torrc') // tor refuses /dev/null
    writeFileSync(empty, '')
    const common = commonLines(authority, authority.createAuthority(empty), address)
    writeFileSync(clientTorrcOf(folder), [...common, ...CLIENT_LINES, ''].join('\n'))
    const timing = schedule(Date.now(), attempt)
    if (timing === undefined) return undefined
    await delay(timing.wait)
    const exitLines = resolvConf === undefined ? [] : [`ServerDNSResolvConfFile ${resolvConf}`]
    for (const relay of relays) {
      relay.run([...common, ...relayLines(relay, address), ...exitLines, ...relay === authority ? authorityLines(relay, address, timing) : []], empty)
    }
    const consensus = `http://${address}:${authority.ports.directory}/tor/status-vote/current/consensus-microdesc`
    return new TorNetwork(folder, relays, consensus, timing.second)
  }

  /** Ends every tor of the network. */
  async stop(): Promise<void> {
    process.off('exit', this.#exit)
    this.#kill()
    await killTorsUnder(this.directory)
  }

  #kill(): void {
    for (const { pid } of this.#relays) if (pid !== undefined) kill(pid)
  }

  async #ready(): Promise<void> {
    await this.#until(CONSENSUS_MILLISECONDS, 'consensus', async () => await this.#listed() !== undefined)
    const listed = await this.#listed()
    if (listed !== RELAYS) throw new Error(`the first consensus has ${listed} of ${RELAYS} relays`)
    // A client that asks a relay which has no microdescriptors yet waits 10 s before it asks another.
    await this.#until(BOOTSTRAP_MILLISECONDS, 'network with all relays up', async () => this.#relays.every((relay) => relay.bootstrapped))
  }

  /** How many relays the authority's consensus has; undefined while there is none. */
  async #listed(): Promise<number | undefined> {
    try {
      const response = await fetch(this.#consensus, { signal: AbortSignal.timeout(2000) })
      return response.ok ? (await response.text()).match(/^r /gm)?.length ?? 0 : undefined
    } catch {
      return undefined
    }
  }

  async #until(milliseconds: number, what: string, done: () => Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + milliseconds; !await done(); await delay(50)) {
      const dead = this.#relays.find(({ pid }) => pid === undefined)
      if (dead !== undefined) throw new Error(`${dead.nickname} has ended: ${dead.log}`)
      if (Date.now() > deadline) throw new Error(`no ${what} in ${milliseconds / 1000} s`)
    }
  }
}

export function clientTorrcOf(directory: string): string {
  return join(resolve(directory), 'client.torrc')
}

function commonLines({ nickname, ports }: Relay, { v3, fingerprint }: AuthorityIdentity, address: string): string[] {
  return [
    'TestingTorNetwork 1',
    `DirAuthority ${nickname} orport=${ports.onion} no-v2 v3ident=${v3} ${address}:${ports.directory} ${fingerprint}`,
    'PathsNeededToBuildCircuits 0.25',
  ]
}

/** A tor of ours refuses private addresses; here there are no others. */
const CLIENT_LINES = ['ClientRejectInternalAddresses 0', 'ClientDNSRejectInternalAddresses 0']

function relayLines({ nickname, folder, ports }: Relay, address: string): string[] {
  return [
    `Nickname ${nickname}`, 'ContactInfo none', `DataDirectory ${folder}`, 'Log notice stdout', 'SafeLogging 0', 'LogTimeGranularity 1',
    `Address ${address}`, `ORPort ${address}:${ports.onion}`, 'AssumeReachable 1', 'SocksPort 0', 'DirCache 1',
    'ExitRelay 1', 'ExitPolicy accept *:*', 'NumCPUs 1', 'AvoidDiskWrites 1', 'ShutdownWaitLength 0',
    // Here all clients have one address, and a relay would take them for one that floods it.
    'DoSCircuitCreationEnabled 0', 'DoSConnectionEnabled 0', 'DoSStreamCreationEnabled 0',
  ]
}

function authorityLines({ ports }: Relay, address: string, { initial, interval }: Schedule): string[] {
  return [
    `DirPort ${address}:${ports.directory}`, 'AuthoritativeDirectory 1', 'V3AuthoritativeDirectory 1',
    `TestingV3AuthInitialVotingInterval ${initial}`, 'TestingV3AuthInitialVoteDelay 2', 'TestingV3AuthInitialDistDelay 2',
    `V3AuthVotingInterval ${interval} seconds`, 'V3AuthVoteDelay 2', 'V3AuthDistDelay 2', 'V3AuthNIntervalsValid 3',
    'TestingDirAuthVoteExit *', 'TestingDirAuthVoteGuard *', 'TestingDirAuthVoteHSDir *', 'TestingMinExitFlagThreshold 0',
    'MinUptimeHidServDirectoryV2 0',
  ]
}

/** Free a moment ago; tor cannot be asked which port it took before the others need to know it. */
async function freePorts(address: string, count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(servers.map((server) => new Promise<number>((done, failed) => {
    server.once('error', failed).listen(0, address, () => done((server.address() as AddressInfo).port)) // listens on TCP
  })))
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}
