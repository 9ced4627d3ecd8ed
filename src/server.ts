import { join } from 'node:path'
import type { Surroundings } from './auth/passphrase.ts'
import { Backups } from './backup/backups.ts'
import { backupCommands } from './backup/commands.ts'
import { systemClock, type Clock } from './clock.ts'
import { Components } from './component/components.ts'
import { makeRuntimeDirectory } from './config/runtime-directory.ts'
import type { Config } from './config/schema.ts'
import { buildDoors, closeDoors, onionDomains, onionSocket, openDoors, SHUTDOWN_MILLISECONDS, type Doors } from './doors.ts'
import { openHouse, type House } from './house.ts'
import { Lifetimes } from './lifetime.ts'
import { createLog } from './log.ts'
import type { Announcer, Served } from './operate/console.ts'
import type { Operator } from './operate/control-client.ts'
import { controlPath } from './operate/control-protocol.ts'
import { ControlSocket } from './operate/control-socket.ts'
import { keyCommands } from './operate/keys.ts'
import { Metrics } from './operate/metrics.ts'
import { onionCommands } from './operate/onion.ts'
import { statusCommand, type ServerState } from './operate/server-status.ts'
import { CommandError } from './routing/command-error.ts'
import type { Extension } from './routing/extension.ts'
import { NetworkDial, SERVER_PORT } from './s2s/dial.ts'
import { Federation } from './s2s/federation.ts'
import type { OnionServiceSpec } from './tor/onion-service.ts'
import { Tor } from './tor/tor.ts'
import { isUnderOnion } from './xmpp/domainpart.ts'

/** The port that clients look for, behind each onion (RFC 6120 §14.7). */
const CLIENT_PORT = 5222
/** Of HTTP: browsers need no port in an onion's address then. */
const WEB_PORT = 80

export interface RunningServer {
  /** The ports of the TCP listeners in the order of the configuration; undefined where one was taken. */
  readonly ports: readonly (number | undefined)[]
  stop(): Promise<void>
}

export interface StartOptions {
  /** A listener whose port is taken is told and left out, as nobody asked for it. */
  readonly lenient?: boolean
  /** Belongs into backups. */
  readonly configFile?: string | undefined
  /** The system's by default. */
  readonly clock?: Clock
  /** For a passphrase; without them one in a file can be used alone. */
  readonly surroundings?: Surroundings | undefined
}

/** Builds every part, in order, and starts it; the only file that names them all. @throws as its parts do */
export async function startServer(config: Config, announcer: Announcer, options: StartOptions = {}): Promise<RunningServer> {
  const { lenient = false, configFile, clock = systemClock, surroundings } = options
  const log = createLog(config.log)
  const runtime = makeRuntimeDirectory(config)
  const built: { tor?: Tor; house?: House; doors?: Doors; backups?: Backups } = {}
  const federation = new Federation({
    config, clock, log,
    dial: (domains) => new NetworkDial({ config, domains, socks: () => built.tor?.socks, clock }),
    identityOf: (local) => isUnderOnion(local) ? undefined : built.doors?.identities.get(local),
    mayConnect: (domain) => built.house?.remoteDomains.mayConnect(domain) ?? false,
  })
  const components = new Components({ config, runtime, clock, log })
  const house = built.house = await openHouse(config, clock, log, [
    onionCommands(() => built.tor?.status), federation.extension, components.extension, backupCommands(() => built.backups), statusCommand(() => state(built, federation)),
    rotation(config, built),
  ], surroundings)
  house.remoteDomains.onChange = () => federation.recheck()
  try {
    const doors = built.doors = await buildDoors(house, runtime, federation)
    const tor = built.tor = buildTor(house, runtime, announcer)
    const backups = built.backups = new Backups({ config, configFile, database: house.database, socks: () => built.tor?.socks, clock, log, tell: (subject, text) => house.installation.host.operators.tell(subject, text) })
    const server = new Lifetimes([
      { name: 'store', stop: () => house.close() },
      backups,
      ...config.metrics.listen === undefined ? []
        : [new Metrics(config.metrics.listen, () => ({ ...state(built, federation), sessions: house.sessions.count }), () => clock.now())],
      doors.liveness,
      doors.certificates,
      tor,
      federation,
      components,
      { name: 'listeners', start: () => openDoors(doors, config, announcer, lenient), stop: () => closeDoors(doors, house) },
      new ControlSocket(controlPath(config), [...house.installation.tables.commands.values()], log),
      { name: 'ready', start: () => announcer.serving(served(house, doors)) },
      { name: 'publish', start: () => tor.publish(), stop: () => tor.withdraw() },
    ], (part, error) => log.error('stop.failed', { part }, error))
    await server.start()
    return { ports: doors.listeners.map(({ port }) => port === 0 ? undefined : port), stop: () => stopping(server) }
  } catch (error) {
    house.close()
    throw error
  }
}

/** Commands of a running server are refused before they ask. */
function nobody(): never {
  throw new CommandError('unavailable', 'no server runs')
}

function state({ tor, doors, backups }: { readonly tor?: Tor, readonly doors?: Doors, readonly backups?: Backups }, federation: Federation): ServerState {
  const streams = [...doors?.liveness.streams ?? []].filter(({ negotiating }) => !negotiating)
  const onion = streams.filter(({ connection }) => connection.onion).length
  return {
    clients: { onion, clearnet: streams.length - onion, refused: doors?.admissions.refused ?? 0 },
    servers: federation.counts,
    tor: tor?.status ?? { state: 'stopped' },
    backup: backups?.enabled === true ? { last: backups.list().at(-1)?.receipt } : undefined,
  }
}

/** Carries out the operator's commands where no server runs. @throws StoreError where one does */
export async function openOffline(config: Config, { configFile, surroundings }: StartOptions = {}): Promise<Operator> {
  const log = createLog(config.log)
  const built: { backups?: Backups; house?: House } = {}
  const house = built.house = await openHouse(config, systemClock, log, [
    onionCommands(() => undefined, () => built.house?.onionKeys), backupCommands(() => built.backups), statusCommand(nobody), rotation(config, built),
  ], surroundings)
  built.backups = new Backups({ config, configFile, database: house.database, socks: () => undefined, clock: systemClock, log })
  return {
    run: async (command, input, onProgress) => {
      const route = house.installation.tables.commands.get(command)
      if (route === undefined) throw new CommandError('bad-input', 'there is no such command')
      if (route.ofRunningServer === true) throw new CommandError('unavailable', 'no server runs, and only a running one can tell')
      return await route.run(input, onProgress)
    },
    close: async () => house.close(),
  }
}

/** The command that changes the storage key, apart from backups. */
function rotation(config: Config, built: { readonly backups?: Backups; readonly house?: House }): Extension {
  return keyCommands(config, async (passphrase) => {
    const { backups, house } = built
    if (backups === undefined || house === undefined) throw new CommandError('unavailable', 'the server is still starting')
    await backups.apart(() => house.rotateKey(passphrase))
  })
}

function buildTor(house: House, runtime: string, announcer: Announcer): Tor {
  const { config, clock, log, onionKeys } = house
  const services = onionDomains(house).map((domain, index): OnionServiceSpec => ({
    address: domain.onionAddress,
    directory: onionKeys.directory(domain.label),
    ports: [
      { virtual: CLIENT_PORT, socket: onionSocket(runtime, 'c2s', index) },
      ...config.s2s.enabled ? [{ virtual: SERVER_PORT, socket: onionSocket(runtime, 's2s', index) }] : [],
      ...config.web.enabled ? [{ virtual: WEB_PORT, socket: onionSocket(runtime, 'web', index) }] : [],
    ],
  }))
  return new Tor({ options: config.tor, directory: join(config.files.data, 'tor'), runtime }, services, {
    bootstrapped: (percent, summary) => announcer.bootstrap(percent, summary),
    published: (address) => announcer.onionReachable(address),
    unreachable: (error) => announcer.torUnreachable(error.message),
  }, clock, log)
}

/** Clocks do not keep the process alive; a server that is stopping must, or what it still does would be cut short. */
async function stopping(server: Lifetimes): Promise<void> {
  const hold = setInterval(() => {}, SHUTDOWN_MILLISECONDS)
  try {
    await server.stop()
  } finally {
    clearInterval(hold)
  }
}

function served({ domains, accounts }: House, { listeners }: Doors): Served {
  return {
    domains: domains.all(),
    listeners: listeners.flatMap(({ settings, port }) =>
      port === 0 || !('host' in settings.address) ? [] : [`${settings.address.host}:${port}`]),
    noAccounts: domains.all().every(({ name }) => accounts.list(name).length === 0),
  }
}
