import { join } from 'node:path'
import { Authenticator, bySide } from './auth/authenticator.ts'
import { PasswordCheck } from './auth/password-check.ts'
import { bind2 } from './c2s/bind2.ts'
import { resourceBinding } from './c2s/bind.ts'
import { Copies } from './c2s/copies.ts'
import { FormerSessions } from './c2s/former-sessions.ts'
import { inlineResumption, streamResumption } from './c2s/resumption.ts'
import { Visitor } from './c2s/visitor.ts'
import type { Config } from './config/schema.ts'
import type { House } from './house.ts'
import { CertificateWatch } from './net/certificate-watch.ts'
import { ListenError, type ListenAddress } from './net/listener.ts'
import { selfSignedFiles, TlsIdentity } from './net/tls.ts'
import type { Announcer } from './operate/console.ts'
import { listenRemedy } from './operate/failure.ts'
import type { ServedDomain } from './routing/domains.ts'
import type { Federation } from './s2s/federation.ts'
import { Admissions } from './stream/admission.ts'
import type { StreamFeature } from './stream/feature.ts'
import { Ingress, type Reception } from './stream/ingress.ts'
import { Liveness } from './stream/liveness.ts'
import { WriteTurn } from './stream/outbox.ts'
import { SaslExchanges } from './stream/sasl-exchanges.ts'
import { SaslNegotiation } from './stream/sasl.ts'
import { Sasl2Negotiation } from './stream/sasl2.ts'
import { starttls } from './stream/starttls.ts'
import type { Stream, StreamSettings } from './stream/stream.ts'
import { StreamUpgrade } from './web/stream-upgrade.ts'
import { Web } from './web/web.ts'
import { NS_CLIENT } from './xmpp/namespaces.ts'
import { StreamError } from './xmpp/stream-error.ts'

/** How long clients may take to read our farewell. */
export const SHUTDOWN_MILLISECONDS = 5000

/** A way in, for streams or for browsers. */
export type Entrance = Pick<Ingress, 'port' | 'start' | 'stop'> & { readonly settings: { readonly address: ListenAddress } }

/** All ways in, and what clients' streams share. */
export interface Doors {
  /** As configured. */
  readonly listeners: readonly Entrance[]
  /** For clients, for servers and for browsers. */
  readonly onions: readonly Entrance[]
  readonly web: Web
  readonly liveness: Liveness
  readonly admissions: Admissions
  /** The certificate of each domain, by its name. */
  readonly identities: ReadonlyMap<string, TlsIdentity>
  readonly certificates: CertificateWatch
}

/** Builds them; none is open yet. @throws CertificateError */
export async function buildDoors(house: House, runtime: string, federation: Federation): Promise<Doors> {
  const { config, clock, log } = house
  const liveness = new Liveness(clock)
  house.sessions.arrivals = () => liveness.streams
  const identities = await identitiesOf(house)
  const settings: StreamSettings = {
    contentNamespace: NS_CLIENT,
    features: clientFeatures(house),
    limits: config.limits, clock, log, liveness,
    turn: new WriteTurn(),
  }
  const admissions = new Admissions(config.limits)
  const serving = (names: readonly string[]): ReadonlyMap<string, TlsIdentity> =>
    new Map([...identities].filter(([{ label }]) => names.includes(label)).map(([{ name }, identity]) => [name, identity]))
  const { accounts, credentials, attempts, accountLife } = house
  const reception: Reception = (domains) => new Visitor(domains)
  const web = new Web({
    config, clock, log, office: house.registration, accounts: accountLife,
    passwords: attempts.map((ofSide) => new PasswordCheck(accounts, credentials, ofSide)), logState: () => house.logRaise.state,
    upgrade: new StreamUpgrade(settings, admissions, reception),
  })
  const pagesOf = (names: readonly string[]): ReadonlyMap<ServedDomain, TlsIdentity> => (
    new Map([...identities].filter(([{ label }]) => names.includes(label))))
  return {
    liveness, admissions, web,
    identities: new Map([...identities].map(([{ name }, identity]) => [name, identity])),
    certificates: new CertificateWatch([...identities.values()], clock, log),
    listeners: config.listeners.map(({ kind, address, port, domains }) => {
      if (kind === 'https') return web.door(kind, { host: address, port }, pagesOf(domains))
      const listener = { kind, address: { host: address, port }, domains: serving(domains) }
      const isForServers = kind === 's2s' || kind === 's2s-tls'
      return isForServers ? federation.ingress(listener, house.installation) : new Ingress(listener, settings, admissions, reception)
    }),
    onions: onionDomains(house).flatMap((domain, index) => {
      const kind = config.tor.control === '' ? 'onion' : 'onion-unnamed'
      const domains = serving([domain.label])
      const forClients = new Ingress({ kind, address: { socket: onionSocket(runtime, 'c2s', index) }, domains }, settings, admissions, reception)
      const forServers = { kind, address: { socket: onionSocket(runtime, 's2s', index) }, domains } as const
      return [
        forClients,
        ...config.s2s.enabled ? [federation.ingress(forServers, house.installation)] : [],
        ...config.web.enabled ? [web.door(kind, { socket: onionSocket(runtime, 'web', index) }, pagesOf([domain.label]))] : [],
      ]
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
function clientFeatures({ config, accounts, credentials, attempts, clock, sessions, installation }: House): readonly StreamFeature<Stream>[] {
  const authenticator = bySide(attempts.map((ofSide) => new Authenticator({
    claims: accounts, credentials, attempts: ofSide,
    plain: config.auth.plain, downgradeProtection: config.auth.downgrade_protection,
  })))
  const exchanges = new SaslExchanges(authenticator, config.auth.attempts_per_stream)
  const { router, tables } = installation
  const parts = { router, tables, sessions, clock, limits: config.limits, copies: new Copies(), formerSessions: new FormerSessions(clock) }
  return [
    starttls,
    new SaslNegotiation(exchanges),
    new Sasl2Negotiation(exchanges, [...tables.inline, inlineResumption(parts), bind2(parts, config.limits)]),
    resourceBinding(parts, config.limits),
    streamResumption(parts),
    ...installation.streamFeatures.client,
  ]
}

/** `lenient`: a listener whose port is taken is told and left out. @throws ListenError */
export async function openDoors({ listeners, onions }: Doors, config: Config, announcer: Announcer, lenient: boolean): Promise<void> {
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

/** RFC 6120 §4.9.3.20: every client is told that the server goes down, and has a while to read it. */
export async function closeDoors({ listeners, onions, liveness, web }: Doors, { sessions }: House): Promise<void> {
  for (const ingress of [...listeners, ...onions]) ingress.stop()
  web.stop()
  // Also those that are away: nobody can come back to them, and whoever wrote to them is told.
  for (const session of [...sessions.all()]) session.end(new StreamError('system-shutdown'))
  const streams = [...liveness.streams]
  for (const stream of streams) stream.fail(new StreamError('system-shutdown'))
  await liveness.emptied(SHUTDOWN_MILLISECONDS)
  for (const stream of liveness.streams) stream.destroy()
}

/** Those that have an onion service; their order is that of their sockets. */
export function onionDomains({ config, domains }: House): readonly (ServedDomain & { readonly onionAddress: string })[] {
  if (!config.tor.enabled) return []
  return domains.all().flatMap((domain) => domain.onionAddress === undefined ? [] : [{ ...domain, onionAddress: domain.onionAddress }])
}

/** Behind the onion of the domain with that index; only tor connects to it. */
export function onionSocket(runtime: string, use: 'c2s' | 's2s' | 'web', index: number): string {
  return join(runtime, `${use}-${index}.sock`)
}
