import { createHash, type X509Certificate } from 'node:crypto'
import { domainToASCII } from 'node:url'
import { domainName, ONION } from '../config/domain-name.ts'
import type { Config, DomainConfig, ListenerConfig } from '../config/schema.ts'
import { CommandError } from '../routing/command-error.ts'
import { certificateOf, where } from './served-certificate.ts'

export interface DnsOptions {
  /** As the operator writes it; may be left out where one domain has a DNS name. */
  readonly domain?: string | undefined
  /** The machine that serves it; the domain itself by default. */
  readonly host?: string | undefined
  /** Of certificates, by the name that it reads in CAA; by default known from the certificate. */
  readonly authority?: string | undefined
  /** The operator's account with the authority, a URI (RFC 8657 §3). */
  readonly account?: string | undefined
}

/**
 * The records to publish for a domain, as lines of a zone file (RFC 1035 §5): where its services are, the key of its
 * certificate, and who may issue certificates. What cannot be known here stands in a comment.
 *
 * @throws CommandError where no such domain has records; CertificateError
 */
export function zoneLines(config: Config, options: DnsOptions): string[] {
  const served = servedDomain(config, options.domain)
  const domain = `${domainToASCII(served.name)}.`
  const host = options.host === undefined ? domain : `${hostName(options.host)}.`
  const listeners = config.listeners.filter((listener) => listener.domains.includes(served.name) && listener.port !== 0)
  const open = listeners.filter((listener) => !isLoopback(listener.address))
  const certificate = certificateOf(config, served)
  return [
    '; Where clients and servers find it (RFC 6120 §3.2.1, XEP-0368); the target "." says: not here.',
    ...Object.entries(SERVICES).flatMap(([kind, service]) => services(`_${service.name}._tcp.${domain}`, service.priority, host,
      open.filter((one) => one.kind === kind))),
    ...uncalled(config, served, open),
    ...listeners.filter((one) => isLoopback(one.address)).map(({ address, port }) => (
      `; ${where(address, port)} is reached from this machine alone, so it is left out.`)),
    `; ${host} needs an A or AAAA record: this program does not know by which address others reach it.`,
    ...(certificate === undefined
      ? ['; The key of the certificate (TLSA): start the server once, which makes a certificate.']
      : keys(certificate, host, open)),
    ...authorities(domain, certificate, options),
  ]
}

/** By the kinds of listeners. Direct TLS first: it takes fewer round trips, and nobody can strip it. */
const SERVICES: Readonly<Record<string, { readonly name: string, readonly priority: number }>> = {
  'c2s-tls': { name: 'xmpps-client', priority: 5 },
  c2s: { name: 'xmpp-client', priority: 10 },
  's2s-tls': { name: 'xmpps-server', priority: 5 },
  s2s: { name: 'xmpp-server', priority: 10 },
}

/** Authorities by the organization in what they issue, with their names in CAA (RFC 8659 §4.2). */
const AUTHORITIES: readonly (readonly [organization: string, name: string])[] = [
  ['Let\'s Encrypt', 'letsencrypt.org'], ['Google Trust Services', 'pki.goog'], ['ZeroSSL', 'sectigo.com'], ['Sectigo', 'sectigo.com'],
  ['DigiCert', 'digicert.com'], ['Buypass', 'buypass.com'], ['SSL Corp', 'ssl.com'],
]

function servedDomain({ domains }: Config, wanted: string | undefined): DomainConfig {
  const named = domains.filter(({ name }) => name !== ONION)
  if (wanted === ONION || (wanted !== undefined && /\.onion\.?$/i.test(wanted)) || named.length === 0) {
    throw new CommandError('refused', 'an onion address is found without DNS; there is nothing to publish')
  }
  const [first, second] = named
  if (wanted === undefined && first !== undefined && second === undefined) return first
  const names = named.map(({ name }) => name).join(', ')
  if (wanted === undefined) throw new CommandError('bad-input', `say for which domain: ${names}`)
  const found = named.find(({ name }) => name === domainName(wanted))
  if (found === undefined) throw new CommandError('refused', `that domain is not served here; these are: ${names}`)
  return found
}

/** One record for each port; where there is none, one that says so, so that nobody goes on looking. */
function services(owner: string, priority: number, host: string, listeners: readonly ListenerConfig[]): string[] {
  const ports = [...new Set(listeners.map(({ port }) => port))]
  return ports.length === 0 ? [record(owner, 'SRV 0 0 0 .')] : ports.map((port) => record(owner, `SRV ${priority} 5 ${port} ${host}`))
}

/** Who calls others is called back by those that ask whether it was him (XEP-0220). */
function uncalled({ s2s }: Config, { federation }: DomainConfig, open: readonly ListenerConfig[]): string[] {
  const isCalled = open.some(({ kind }) => kind === 's2s' || kind === 's2s-tls')
  return isCalled || !s2s.enabled || federation === 'refuse' ? []
    : ['; No listener for servers ("s2s", "s2s-tls") is open: they cannot call it, and many hear nobody whom they cannot call back.']
}

function keys(certificate: X509Certificate, host: string, listeners: readonly ListenerConfig[]): string[] {
  const ports = [...new Set(listeners.map(({ port }) => port))].sort((one, other) => one - other)
  const key = createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('hex')
  return ports.length === 0 ? [] : [
    '; The key of its certificate (DANE: RFC 6698, RFC 7671 §5.1, RFC 7673). Only in a zone that is signed (DNSSEC); and before the',
    '; certificate is renewed with another key, that one must be published, too.',
    ...ports.map((port) => record(`_${port}._tcp.${host}`, `TLSA 3 1 1 ${key}`)),
  ]
}

function authorities(domain: string, certificate: X509Certificate | undefined, { authority, account }: DnsOptions): string[] {
  if (account !== undefined && !/^[a-z][a-z0-9+.-]*:[\x21\x23-\x3a\x3c-\x5b\x5d-\x7e]+$/i.test(account)) {
    throw new CommandError('bad-input', 'the account is no URI; your ACME client tells it')
  }
  const known = authority === undefined ? certificate && issuerOf(certificate) : hostName(authority)
  const value = `${known ?? 'AUTHORITY'}${account === undefined ? '' : `; accounturi=${account}`}`
  const line = record(domain, `CAA 0 issue "${value}"`)
  return [
    '; Who may issue certificates for it (RFC 8659). Whoever else does, e.g. for a web site of this name, needs such a line, too.',
    ...(known === undefined ? ['; Its authority is not known here; --authority NAME tells it.', `; ${line}`] : [line]),
    ...(account === undefined ? ['; --account URI lets nobody else\'s account with the authority have one (RFC 8657).'] : []),
  ]
}

function issuerOf({ issuer }: X509Certificate): string | undefined {
  const [, organization = ''] = /^O=(.*)$/m.exec(issuer) ?? []
  return AUTHORITIES.find(([one]) => organization.toLowerCase().startsWith(one.toLowerCase()))?.[1]
}

function record(owner: string, rest: string): string {
  return `${owner} 3600 IN ${rest}`
}

/** In A-labels, without the final dot. @throws CommandError */
function hostName(text: string): string {
  const name = domainName(text.replace(/\.$/, ''))
  if (typeof name === 'string' && name !== ONION) return domainToASCII(name)
  throw new CommandError('bad-input', 'a host and an authority are told by DNS names, e.g. xmpp.example.org')
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
