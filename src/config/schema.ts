import { z } from 'zod'
import { LOG_LEVELS } from '../log.ts'
import { component, withDomains } from './components.ts'
import { copy } from './copies.ts'
import { domainName, ONION } from './domain-name.ts'
import { FEDERATION_POLICIES, onionMap, resolvers, unverified, type FederationPolicy } from './federation.ts'
import { duration, size } from './quantities.ts'

const count = (standard: number, least = 1, most = 1_000_000) => z.int().min(least).max(most).default(standard)
const port = z.int().min(0).max(65_535)
/** A path; relative ones are resolved against the configuration file's folder. '' means: the default. */
const path = z.string().default('')

/** Undefined where nothing is given; a path is made absolute later. */
function metricsAddress(text: string, context: z.RefinementCtx): { readonly path: string } | { readonly host: string, readonly port: number } | undefined {
  if (text === '') return undefined
  if (text.includes('/')) return { path: text }
  const [, host = '', port = ''] = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}):(\d{1,5})$/.exec(text) ?? []
  if (host !== '' && Number(port) <= 65_535) return { host, port: Number(port) }
  context.addIssue({ code: 'custom', message: 'neither a path nor a port of this machine alone', params: { form: '"run/metrics.sock", with a slash, or "127.0.0.1:9150"' } })
  return z.NEVER
}

/** Without the slash at its end. */
function webAddress(text: string, context: z.RefinementCtx): string {
  if (text === '') return ''
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'https:' && url.username === '' && url.href === `${url.origin}/`) return url.origin
  context.addIssue({ code: 'custom', message: 'no address of a web server', params: { form: '"https://HOST" or "https://HOST:PORT", without a path' } })
  return z.NEVER
}

/** A public key of age, X25519: age1 and 58 letters or digits (Bech32). */
const AGE_RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/

/** Of systemd; '' is none. */
const CREDENTIAL_NAME = /^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,254})?$/

/** An account by its name and its domain's; names of accounts are of ASCII only. */
const ACCOUNT = /^[a-z0-9][a-z0-9._-]{0,63}@[^@/\s]+$/

/** As names of accounts are. */
const ACCOUNT_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/

/** Who may make an account: the operator alone; whoever was invited; whoever answers a challenge, too. */
export const REGISTRATION_MODES = ['closed', 'invite', 'open'] as const
export const POLICY_PROFILES = ['otr'] as const
export const OTR_VERSIONS = ['2', '3', '4'] as const

/** A domain by its configured name: 'onion', or a DNS name as in JIDs. */
const name = z.string().transform((text, context) => {
  const named = domainName(text)
  if (typeof named === 'string') return named
  context.addIssue({ code: 'custom', message: named.problem, params: { form: `"${ONION}" or a DNS name` } })
  return z.NEVER
})
/** RFC 6454 §6.2, as browsers say it: in lower case, without a path. */
const origins = z.array(z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.:[\]-]+$/, 'no origin')).max(100).default([])

/** Whom to write to about what (XEP-0157 §3). */
export const CONTACT_KINDS = ['abuse', 'admin', 'feedback', 'sales', 'security', 'status', 'support'] as const
const contacts = z.partialRecord(z.enum(CONTACT_KINDS), z.array(z.string().max(200).regex(/^(mailto|xmpp|https?):[\x21-\x7e]+$/)).max(10)).default({})

const domain = z.strictObject({
  name,
  onion_service: z.boolean().optional(),
  certificate: path,
  key: path,
  registration: z.enum(REGISTRATION_MODES).default('invite'),
  policy: z.enum(POLICY_PROFILES).default('otr'),
  federation: z.enum(FEDERATION_POLICIES).optional(),
  web: z.string().default('').transform(webAddress),
  origins,
  contacts,
}).transform((given) => ({ ...given, onion_service: given.onion_service ?? given.name === ONION }))

const listener = z.strictObject({
  kind: z.enum(['c2s', 'c2s-tls', 's2s', 's2s-tls', 'https']),
  address: z.string().default('127.0.0.1'),
  port,
  domains: z.array(name).min(1).optional(),
})

/** Every key of the configuration file; config/sotto.example.toml documents each, and a test keeps the two equal. */
const file = z.strictObject({
  operators: z.array(z.string().regex(ACCOUNT, 'no account of a domain here')).max(20).default([]),
  files: z.strictObject({ data: z.string().default('data'), runtime: path }).prefault({}),
  keys: z.strictObject({
    file: path,
    passphrase_file: path,
    passphrase_credential: z.string().regex(CREDENTIAL_NAME).default(''),
    passphrase_prompt: z.boolean().default(false),
  }).prefault({}),
  log: z.strictObject({ level: z.enum(LOG_LEVELS).default('error'), roster: z.boolean().default(false) }).prefault({}),
  domains: z.array(domain).min(1).max(64).prefault([{ name: 'onion' }]),
  components: z.array(component).max(16).default([]),
  listeners: z.array(listener).max(64).prefault([{ kind: 'c2s', address: '127.0.0.1', port: 5222 }]),
  policy: z.strictObject({
    otr_versions: z.array(z.enum(OTR_VERSIONS)).min(1).default(['2', '3'])
      .transform((listed) => OTR_VERSIONS.filter((version) => listed.includes(version))),
    otr_audit: z.boolean().default(true),
  }).prefault({}),
  registration: z.strictObject({
    reserved_names: z.array(z.string().regex(ACCOUNT_NAME, 'no name of an account')).max(1000).default([]),
    password_score: count(3, 0, 4),
    users_invite: z.boolean().default(false),
    invitations_per_account: count(5, 1, 1000),
    challenge_time: duration('10m'),
    window: duration('1h'),
    accounts_per_peer: count(5),
    accounts_per_domain: count(60),
    accounts: count(60),
    challenges_per_peer: count(30),
    challenges: count(1200),
    failures_per_peer: count(10),
    narrow: duration('1h'),
    queue: count(60, 1, 1000),
  }).prefault({}),
  tor: z.strictObject({
    enabled: z.boolean().default(true),
    required: z.boolean().default(false),
    program: z.string().default('tor'),
    torrc: path,
    control: z.string().default(''),
    bootstrap_timeout: duration('5m'),
    max_streams_per_circuit: count(16, 1, 65_535),
    proof_of_work: z.boolean().default(true),
    proof_of_work_rate: count(250, 1, 65_535),
    proof_of_work_burst: count(2500, 1, 65_535),
    intro_dos_defense: z.boolean().default(true),
  }).prefault({}),
  s2s: z.strictObject({
    enabled: z.boolean().default(true),
    time_to_connect: duration('2m'),
    idle_close: duration('10m'),
    queue_stanzas: count(100, 1, 100_000),
    queue_bytes: size('1MB', '10kB'),
    unacknowledged_stanzas: count(1000, 1, 100_000),
    unacknowledged_bytes: size('4MB', '10kB'),
    time_to_acknowledge: duration('60s'),
    streams: count(1000),
    streams_per_domain: count(8, 1, 1000),
    rate: size('256kB', '1kB'),
    authorities: path,
    unverified,
    direct_resolvers: resolvers,
    resolvers,
    onion_map: onionMap,
  }).prefault({}),
  web: z.strictObject({
    enabled: z.boolean().default(true),
    pages: path,
    connections: count(500),
    connections_per_peer: count(16),
  }).prefault({}),
  metrics: z.strictObject({ listen: z.string().default('').transform(metricsAddress) }).prefault({}),
  backup: z.strictObject({
    recipients: z.array(z.string().regex(AGE_RECIPIENT)).max(20).default([]),
    identity: path,
    directory: path,
    every: duration('1h'),
    hourly: count(24, 1, 10_000),
    daily: count(7, 0, 10_000),
    weekly: count(4, 0, 10_000),
    alarm_after: duration('6h'),
    copies: z.array(copy).max(16).default([]),
  }).prefault({}),
  auth: z.strictObject({
    plain: z.boolean().default(true),
    downgrade_protection: z.boolean().default(true),
    scram_iterations: count(100_000, 65_536, 10_000_000),
    argon2_memory: size('19456kB', '7MB'),
    argon2_passes: count(2, 1, 64),
    argon2_parallel: count(2, 1, 64),
    argon2_queue: count(64, 1, 10_000),
    attempts_per_account: count(10),
    attempts_per_peer: count(20),
    attempts_window: duration('10m'),
    attempts_per_stream: count(3, 1, 20),
    token_lifetime: duration('14d'),
  }).prefault({}),
  limits: z.strictObject({
    stream_header: size('8kB', '1kB'),
    stanza_before_login: size('16kB', '1kB'),
    // RFC 6120 §13.12: the limit "MUST NOT be smaller than 10000 bytes".
    stanza: size('256kB', '10kB'),
    depth: count(64, 4, 256),
    time_to_login: duration('60s'),
    streams_per_peer: count(32),
    streams_before_login: count(1000),
    streams: count(20_000),
    sessions_per_account: count(16, 1, 1000),
    outbox: size('2MB'),
    time_to_drain: duration('60s'),
    idle_before_ping: duration('5m'),
    idle_after_ping: duration('60s'),
    time_to_resume: duration('10m'),
    unacknowledged_stanzas: count(5000, 1, 100_000),
    unacknowledged_bytes: size('2MB', '10kB'),
    held_back: count(256, 0, 10_000),
    roster_items: count(1000, 1, 100_000),
  }).prefault({}),
  pep: z.strictObject({
    item: size('128kB', '8kB'),
    items: count(200, 1, 10_000),
    nodes: count(50, 4, 1000),
    account: size('2MB', '16kB'),
  }).prefault({}),
})

/** The file with its defaults filled in, and nothing left open: each listener names the domains it serves. */
export const configSchema = file.transform((given) => {
  const standard = domainsByDefault(given.domains.map((served) => served.name))
  const listeners = given.listeners.map((one) => ({ ...one, domains: one.domains ?? standard }))
  const components = given.components.map((one) => withDomains(one, standard))
  const open = new Set(listeners.filter(({ address }) => !isLoopback(address)).flatMap((one) => one.domains))
  const domains = given.domains.map((one) => ({ ...one, federation: one.federation ?? federationByDefault(one, open.has(one.name)) }))
  // Whoever is reached through Tor does not want to be found by where the copies come from.
  const copies = given.backup.copies.map((one) => ({ ...one, tor: one.tor ?? given.tor.enabled }))
  return { ...given, domains, listeners, components, backup: { ...given.backup, copies } }
})

/** Whoever is reached at an onion address alone does not show the address of the machine by calling others, either. */
function federationByDefault(served: z.infer<typeof domain>, open: boolean): FederationPolicy {
  return served.name === ONION || (served.onion_service && !open) ? 'tor' : 'direct'
}

const isLoopback = (address: string): boolean => address === '::1' || address.startsWith('127.')

/**
 * What a listener serves that does not say: all DNS names, or the onion where there is none. So nobody who adds a
 * DNS name links it to the onion without having written so.
 */
function domainsByDefault(names: readonly string[]): string[] {
  const dns = names.filter((one) => one !== ONION)
  return dns.length > 0 ? dns : names.slice(0, 1)
}

/** What can be said of a key to whom writes it. */
export interface KeyDescription {
  readonly type: string | undefined
  /** The only values it may have. */
  readonly values: readonly unknown[] | undefined
  /** Its default as it would be written; undefined where it must be written or follows from others. */
  readonly standard: unknown
  /** Of a table: its keys. Of a list of tables: those of one item. */
  readonly keys: Readonly<Record<string, KeyDescription>> | undefined
}

/** Describes the key at that path of the file ([] is the file itself); undefined where there is none. */
export function describeKey(path: readonly PropertyKey[]): KeyDescription | undefined {
  let description: KeyDescription | undefined = describe(z.toJSONSchema(configSchema, { io: 'input' }))
  for (const part of path) if (typeof part === 'string') description = description?.keys?.[part]
  return description
}

function describe(node: z.core.JSONSchema.JSONSchema): KeyDescription {
  const table = typeof node.items === 'object' && !Array.isArray(node.items) ? node.items : node
  const keys = Object.entries(table.properties ?? {}).flatMap(([key, inner]) => (
    typeof inner === 'object' ? [[key, describe(inner)] as const] : []))
  const type = typeof node.type === 'string' ? node.type : undefined
  const inner = keys.length > 0 ? Object.fromEntries(keys) : undefined
  return { type, values: node.enum, standard: node.default, keys: inner }
}

/** The configuration as the rest of the server sees it: times in milliseconds, sizes in bytes, paths absolute. */
export type Config = DeepReadonly<z.infer<typeof configSchema>>
export type DomainConfig = Config['domains'][number]
export type ListenerConfig = Config['listeners'][number]
export type Limits = Config['limits']
export type PepLimits = Config['pep']

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T
