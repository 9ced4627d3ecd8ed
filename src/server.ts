import { join } from 'node:path'
import { Attempts } from './auth/attempts.ts'
import { Authenticator } from './auth/authenticator.ts'
import { Backups } from './backup/backups.ts'
import { backupCommands } from './backup/commands.ts'
import { resourceBinding } from './c2s/bind.ts'
import { Visitor } from './c2s/visitor.ts'
import { systemClock } from './clock.ts'
import { makeRuntimeDirectory } from './config/runtime-directory.ts'
import type { Config } from './config/schema.ts'
import { onionDirectory, openHouse, type House } from './house.ts'
import { Lifetimes } from './lifetime.ts'
import { createLog } from './log.ts'
import { CertificateWatch } from './net/certificate-watch.ts'
import { ListenError } from './net/listener.ts'
import { selfSignedFiles, TlsIdentity } from './net/tls.ts'
import type { Announcer, Served } from './operate/console.ts'
import type { Operator } from './operate/control-client.ts'
import { controlPath } from './operate/control-protocol.ts'
import { ControlSocket } from './operate/control-socket.ts'
import { listenRemedy } from './operate/failure.ts'
import { onionCommands } from './operate/onion.ts'
import { CommandError } from './routing/command-error.ts'
import type { ServedDomain } from './routing/domains.ts'
import { NetworkDial, SERVER_PORT } from './s2s/dial.ts'
import { Federation } from './s2s/federation.ts'
import { Admission } from './stream/admission.ts'
import type { StreamFeature } from './stream/feature.ts'
import { Ingress, type Reception } from './stream/ingress.ts'
import { Liveness } from './stream/liveness.ts'
import { WriteTurn } from './stream/outbox.ts'
import { SaslNegotiation } from './stream/sasl.ts'
import { starttls } from './stream/starttls.ts'
import type { Stream, StreamSettings } from './stream/stream.ts'
import type { OnionServiceSpec } from './tor/onion-service.ts'
import { Tor } from './tor/tor.ts'
import { isUnderOnion } from './xmpp/domainpart.ts'
import { NS_CLIENT } from './xmpp/namespaces.ts'
import { StreamError } from './xmpp/stream-error.ts'

/** The port that clients look for, behind each onion (RFC 6120 §14.7). */
const CLIENT_PORT = 5222
/** How long clients may take to read our farewell. */
const SHUTDOWN_MILLISECONDS = 5000

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
}

/** Builds every part, in order, and starts it; the only file that names them all. @throws as its parts do */
export async function startServer(config: Config, announcer: Announcer, { lenient = false, configFile }: StartOptions = {}): Promise<RunningServer> {
  const log = createLog(config.log)
  const runtime = makeRuntimeDirectory(config)
  const built: { tor?: Tor; house?: House; doors?: Doors; backups?: Backups } = {}
  const federation = new Federation({
    config, clock: systemClock, log,
    dial: (domains) => new NetworkDial({ config, domains, socks: () => built.tor?.socks, clock: systemClock }),
    identityOf: (local) => isUnderOnion(local) ? undefined : built.doors?.identities.get(local),
    mayConnect: (domain) => built.house?.remoteDomains.mayConnect(domain) ?? false,
  })
  const house = built.house = await openHouse(config, systemClock, log, [
    onionCommands(() => built.tor?.status), federation.extension, backupCommands(() => built.backups),
  ])
  house.remoteDomains.onChange = () => federation.recheck()
  try {
    const doors = built.doors = await buildDoors(house, runtime, federation)
    const tor = built.tor = buildTor(house, runtime, announcer)
    const backups = built.backups = new Backups({ config, configFile, database: house.database, socks: () => built.tor?.socks, clock: systemClock, log })
    const server = new Lifetimes([
      { name: 'store', stop: () => house.close() },
      backups,
      doors.liveness,
      doors.certificates,
      tor,
      federation,
      { name: 'listeners', start: () => open(doors, config, announcer, lenient), stop: () => close(doors) },
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

/** Carries out the operator's commands where no server runs. @throws StoreError where one does */
export async function openOffline(config: Config, configFile?: string): Promise<Operator> {
  const log = createLog(config.log)
  const built: { backups?: Backups } = {}
  const house = await openHouse(config, systemClock, log, [onionCommands(() => undefined), backupCommands(() => built.backups)])
  built.backups = new Backups({ config, configFile, database: house.database, socks: () => undefined, clock: systemClock, log })
  return {
    run: async (command, input) => {
      const route = house.installation.tables.commands.get(command)
      if (route === undefined) throw new CommandError('bad-input', 'there is no such command')
      if (route.ofRunningServer === true) throw new CommandError('unavailable', 'no server runs, and only a running one can tell')
      return await route.run(input)
    },
    close: async () => house.close(),
  }
}

/** All ways in, and what clients' streams share. */
interface Doors {
  /** As configured. */
  readonly listeners: readonly Ingress[]
  /** For clients and for servers. */
  readonly onions: readonly Ingress[]
  readonly liveness: Liveness
  /** The certificate of each domain, by its name. */
  readonly identities: ReadonlyMap<string, TlsIdentity>
  readonly certificates: CertificateWatch
}

async function buildDoors(house: House, runtime: string, federation: Federation): Promise<Doors> {
  const { config, clock, log } = house
  const liveness = new Liveness(clock)
  const identities = await identitiesOf(house)
  const settings: StreamSettings = {
    contentNamespace: NS_CLIENT,
    features: clientFeatures(house),
    limits: config.limits, clock, log, liveness,
    turn: new WriteTurn(),
  }
  const admission = new Admission(config.limits)
  const serving = (names: readonly string[]): ReadonlyMap<string, TlsIdentity> =>
    new Map([...identities].filter(([{ label }]) => names.includes(label)).map(([{ name }, identity]) => [name, identity]))
  const reception: Reception = (domains) => new Visitor(domains)
  return {
    liveness,
    identities: new Map([...identities].map(([{ name }, identity]) => [name, identity])),
    certificates: new CertificateWatch([...identities.values()], clock, log),
    listeners: config.listeners.map(({ kind, address, port, domains }) => {
      const listener = { kind, address: { host: address, port }, domains: serving(domains) }
      const isForServers = kind === 's2s' || kind === 's2s-tls'
      return isForServers ? federation.ingress(listener, house.installation) : new Ingress(listener, settings, admission, reception)
    }),
    onions: onionDomains(house).flatMap((domain, index) => {
      const kind = config.tor.control === '' ? 'onion' : 'onion-unnamed'
      const domains = serving([domain.label])
      const forClients = new Ingress({ kind, address: { socket: onionSocket(runtime, 'c2s', index) }, domains }, settings, admission, reception)
      if (!config.s2s.enabled) return [forClients]
      const forServers = { kind, address: { socket: onionSocket(runtime, 's2s', index) }, domains } as const
      return [forClients, federation.ingress(forServers, house.installation)]
    }),
  }
}

/** Each domain's certificate: the operator's, or one of our own making. @throws CertificateError */
async function identitiesOf({ config, domains, clock }: House): Promise<ReadonlyMap<ServedDomain, TlsIdentity>> {
  const identities = new Map<ServedDomain, TlsIdentity>()
  for (const domain of domains.all()) {
    const { certificate, key } = domain.config
    const files = certificate !== '' ? { certificate, key }
      : await selfSignedFiles(join(config.files.data, 'certificates'), domain.label, domain.name, clock.now())
    identities.set(domain, new TlsIdentity(files, clock.now()))
  }
  return identities
}

/** What a client may negotiate, in the order in which it is offered. */
function clientFeatures({ config, accounts, credentials, clock, sessions, installation }: House): readonly StreamFeature<Stream>[] {
  const authenticator = new Authenticator({
    claims: accounts, credentials, attempts: new Attempts(config.auth, clock),
    plain: config.auth.plain, downgradeProtection: config.auth.downgrade_protection,
  })
  return [
    starttls,
    new SaslNegotiation(authenticator, config.auth.attempts_per_stream),
    resourceBinding({ router: installation.router, sessions, tables: installation.tables }, config.limits),
    ...installation.streamFeatures.client,
  ]
}

function buildTor(house: House, runtime: string, announcer: Announcer): Tor {
  const { config, clock, log } = house
  const services = onionDomains(house).map((domain, index): OnionServiceSpec => ({
    address: domain.onionAddress,
    directory: onionDirectory(config, domain.label),
    ports: [
      { virtual: CLIENT_PORT, socket: onionSocket(runtime, 'c2s', index) },
      ...config.s2s.enabled ? [{ virtual: SERVER_PORT, socket: onionSocket(runtime, 's2s', index) }] : [],
    ],
  }))
  return new Tor({ options: config.tor, directory: join(config.files.data, 'tor'), runtime }, services, {
    bootstrapped: (percent, summary) => announcer.bootstrap(percent, summary),
    published: (address) => announcer.onionReachable(address),
    unreachable: (error) => announcer.torUnreachable(error.message),
  }, clock, log)
}

function onionDomains({ config, domains }: House): readonly (ServedDomain & { readonly onionAddress: string })[] {
  if (!config.tor.enabled) return []
  return domains.all().flatMap((domain) => domain.onionAddress === undefined ? [] : [{ ...domain, onionAddress: domain.onionAddress }])
}

/** Behind the onion of the domain with that index; only tor connects to it. */
function onionSocket(runtime: string, use: 'c2s' | 's2s', index: number): string {
  return join(runtime, `${use}-${index}.sock`)
}

async function open({ listeners, onions }: Doors, config: Config, announcer: Announcer, lenient: boolean): Promise<void> {
  for (const onion of onions) await onion.start()
  for (const listener of listeners) {
    try {
      await listener.start()
    } catch (error) {
      if (!lenient || onions.length === 0 || !(error instanceof ListenError)) throw error
      announcer.listenerTaken(listenRemedy(error, config))
    }
  }
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

/** RFC 6120 §4.9.3.20: every client is told that the server goes down, and has a while to read it. */
async function close({ listeners, onions, liveness }: Doors): Promise<void> {
  for (const ingress of [...listeners, ...onions]) ingress.stop()
  const streams = [...liveness.streams]
  for (const stream of streams) stream.fail(new StreamError('system-shutdown'))
  await liveness.emptied(SHUTDOWN_MILLISECONDS)
  for (const stream of liveness.streams) stream.destroy()
}

function served({ domains, accounts }: House, { listeners }: Doors): Served {
  return {
    domains: domains.all(),
    listeners: listeners.flatMap(({ settings, port }) =>
      port === 0 || !('host' in settings.address) ? [] : [`${settings.address.host}:${port}`]),
    noAccounts: domains.all().every(({ name }) => accounts.list(name).length === 0),
  }
}
