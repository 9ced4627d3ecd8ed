import { createHash, X509Certificate } from 'node:crypto'
import { domainName, ONION } from '../config/domain-name.ts'
import type { Config, DomainConfig } from '../config/schema.ts'
import { PeerCertificate } from '../net/peer-certificate.ts'
import { CommandError } from '../routing/command-error.ts'
import { certificateOf, where } from './served-certificate.ts'

const ONE_DAY = 86_400_000

/**
 * What people compare to know that they reached this server and nobody between, for one domain or for all: the
 * fingerprints of its certificate, as clients show them, and what else the certificate says. From the files alone.
 *
 * @throws CommandError where no such domain is served; CertificateError
 */
export function certificateLines(config: Config, wanted: string | undefined, now: number): string[] {
  return asked(config, wanted).flatMap((domain, index) => [...index === 0 ? [] : [''], domain.name, ...linesOf(config, domain, now)])
}

function asked({ domains }: Config, wanted: string | undefined): readonly DomainConfig[] {
  if (wanted === undefined) return domains
  const found = domains.filter(({ name }) => name === domainName(wanted))
  if (found.length > 0) return found
  throw new CommandError('refused', `that domain is not served here; these are: ${domains.map(({ name }) => name).join(', ')}`)
}

function linesOf(config: Config, domain: DomainConfig, now: number): string[] {
  const certificate = certificateOf(config, domain)
  if (certificate === undefined) return ['  There is no certificate yet: start the server once, which makes one.']
  const isSelfSigned = certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
  const key = createHash('sha256').update(certificate.publicKey.export({ type: 'spki', format: 'der' })).digest('base64')
  return [
    line('SHA-256', certificate.fingerprint256),
    line('SHA-1', certificate.fingerprint), // for those whose client shows nothing else
    line('key pin', `sha256//${key}`),
    line('names', namesOf(certificate).join(', ') || 'none'),
    line('issuer', isSelfSigned ? 'itself (self-signed)' : certificate.issuer.split('\n').join(', ')),
    line('expires', expiry(Date.parse(certificate.validTo), now)),
    ...usesOf(config, domain).map((use, index) => line(index === 0 ? 'used by' : '', use)),
  ]
}

function line(title: string, value: string): string {
  return `  ${title.padEnd(10)}${value}`
}

/** Of domains, in whatever form the certificate has them. */
function namesOf(certificate: X509Certificate): readonly string[] {
  return [...new Set(PeerCertificate.parse(certificate.raw)?.names.domains())]
}

function expiry(at: number, now: number): string {
  const days = Math.floor((at - now) / ONE_DAY)
  const distance = at < now ? 'it has expired' : days === 1 ? 'in 1 day' : `in ${days} days`
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC (${distance})`
}

/** Where the certificate is shown: to those who come in, and to servers that we call and that ask for it. */
function usesOf({ listeners, tor, s2s }: Config, { name, onion_service: hasOnion, federation }: DomainConfig): string[] {
  return [
    ...listeners.filter(({ domains }) => domains.includes(name)).map(({ kind, address, port }) => (
      `${kind} on ${port === 0 ? `${address}, a free port each time` : where(address, port)}`)),
    ...tor.enabled && hasOnion ? ['the onion service'] : [],
    ...s2s.enabled && name !== ONION && federation !== 'refuse' ? ['calls of other servers'] : [],
  ]
}
