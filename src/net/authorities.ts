import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import { PeerCertificate } from './peer-certificate.ts'
import { CertificateError } from './tls.ts'

/** Where Debian, and most systems after it, keep the authorities that their owner believes. */
const SYSTEM_FILE = '/etc/ssl/certs/ca-certificates.crt'
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** Whom we believe: certificates of authorities, and certificates of peers that the operator vouches for. */
export class Authorities {
  readonly #all: readonly X509Certificate[]

  /** PEM texts; what is broken in them is left out. */
  constructor(texts: readonly string[]) {
    this.#all = texts.flatMap((text) => text.match(PEM_CERTIFICATE) ?? []).flatMap((pem) => {
      try {
        return [new X509Certificate(pem)]
      } catch {
        return [] // old roots of systems have what newer libraries refuse
      }
    })
  }

  get size(): number {
    return this.#all.length
  }

  includes(certificate: PeerCertificate): boolean {
    return this.#all.some(({ raw }) => raw.equals(certificate.x509.raw))
  }

  /** Those which by their name may have signed it. */
  issuersOf(certificate: PeerCertificate): PeerCertificate[] {
    return this.#all.filter((one) => certificate.x509.checkIssued(one)).flatMap(({ raw }) => PeerCertificate.parse(raw) ?? [])
  }
}

/** The system's authorities, or those that Node brings where the system keeps none, and those in `file`, if any. */
export function trustedAuthorities(file = ''): Authorities {
  const texts = existsSync(SYSTEM_FILE) ? [readFileSync(SYSTEM_FILE, 'utf8')] : [...rootCertificates]
  return file === '' ? new Authorities(texts) : new Authorities([...texts, configured(file)])
}

/** @throws CertificateError */
function configured(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new CertificateError(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`) // fs throws nothing else
  }
  if (new Authorities([text]).size === 0) throw new CertificateError(file, 'holds no certificate in PEM form')
  return text
}
