import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints, Certificate, ExtendedKeyUsage, KeyUsage, KeyUsageFlags, NameConstraints, SubjectAlternativeName,
  anyExtendedKeyUsage, id_ce_basicConstraints, id_ce_certificatePolicies, id_ce_extKeyUsage, id_ce_keyUsage,
  id_ce_nameConstraints, id_ce_subjectAltName, type Extension,
} from '@peculiar/asn1-x509'
import { createHash, X509Certificate } from 'node:crypto'
import { CertificateNames } from './certificate-names.ts'

/** Bytes of one certificate; those of public authorities have some 2000. */
const LONGEST_CERTIFICATE = 32 * 1024
const DER_SEQUENCE = 0x30

/** Signatures that are believed: SHA-2 with RSA or ECDSA, Ed25519, Ed448. Never MD5 or SHA-1 (RFC 9155). */
const SIGNATURES: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11', '1.2.840.113549.1.1.12', '1.2.840.113549.1.1.13', // RSA with SHA-256, -384, -512
  '1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4', // ECDSA with the same
  '1.3.101.112', '1.3.101.113',
])
/** RSA keys in bits: below that they are broken (RFC 9325 §4.5), above it they are a way to keep us busy. */
const SHORTEST_RSA = 2048
const LONGEST_RSA = 8192
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])

/** Extensions that we know what to do about. Policies restrict nobody who asks for none (RFC 5280 §6.1.1 d). */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  id_ce_basicConstraints, id_ce_keyUsage, id_ce_extKeyUsage, id_ce_subjectAltName, id_ce_nameConstraints, id_ce_certificatePolicies,
])

/** What the judge asks of a certificate, read out of its DER once. It verifies nothing. */
export class PeerCertificate {
  /** OpenSSL's view of it, for names of issuers, keys and signatures. */
  readonly x509: X509Certificate
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** Does it say that it is an authority's (cA)? */
  readonly saysAuthority: boolean
  /** May it sign certificates: it says so, and its key may where it says what its key is for? */
  readonly isAuthority: boolean
  /** At most so many authorities between it and the end (RFC 5280 §4.2.1.9). */
  readonly pathLength: number
  /** May its key sign a TLS handshake? */
  readonly maySign: boolean
  /** By object identifier; undefined where it is for any purpose. */
  readonly purposes: ReadonlySet<string> | undefined
  readonly constraints: NameConstraints | undefined
  readonly names: CertificateNames
  /** A critical extension that is unknown here: its meaning cannot be guessed (RFC 5280 §4.2). */
  readonly isBeyondUs: boolean
  /** Are its key, and its issuer's signature, of a kind that nobody forges today? */
  readonly hasStrongKey: boolean
  readonly hasStrongSignature: boolean
  /** Issuer and subject are one name. */
  readonly isSelfIssued: boolean

  /** @throws whatever the parsers throw where it is none: see `parse` */
  private constructor(x509: X509Certificate, certificate: Certificate) {
    const extensions = byIdentifier(certificate.tbsCertificate.extensions ?? [])
    const read = <T>(type: new () => T, id: string): T | undefined => {
      const value = extensions.get(id)?.extnValue.buffer
      return value === undefined ? undefined : AsnConvert.parse(value, type)
    }
    const basic = read(BasicConstraints, id_ce_basicConstraints)
    const usage = read(KeyUsage, id_ce_keyUsage)?.toNumber()
    const purposes = read(ExtendedKeyUsage, id_ce_extKeyUsage)
    const names = CertificateNames.of(read(SubjectAlternativeName, id_ce_subjectAltName) ?? [])
    if (names === undefined) throw new RangeError('too many names')
    this.x509 = x509
    this.notBefore = instant(x509.validFrom)
    this.notAfter = instant(x509.validTo)
    this.saysAuthority = basic?.cA === true
    this.isAuthority = this.saysAuthority && (usage === undefined || (usage & KeyUsageFlags.keyCertSign) !== 0)
    this.pathLength = basic?.pathLenConstraint ?? Number.POSITIVE_INFINITY
    this.maySign = usage === undefined || (usage & KeyUsageFlags.digitalSignature) !== 0
    this.purposes = purposes === undefined || purposes.includes(anyExtendedKeyUsage) ? undefined : new Set(purposes)
    this.constraints = read(NameConstraints, id_ce_nameConstraints)
    this.names = names
    this.isBeyondUs = [...extensions.values()].some(({ extnID, critical }) => critical && !KNOWN_EXTENSIONS.has(extnID))
    this.hasStrongKey = isStrongKey(x509)
    this.hasStrongSignature = SIGNATURES.has(certificate.signatureAlgorithm.algorithm)
    const { issuer, subject } = certificate.tbsCertificate
    this.isSelfIssued = Buffer.from(AsnConvert.serialize(issuer)).equals(Buffer.from(AsnConvert.serialize(subject)))
  }

  /** Undefined where it is no certificate in DER, or too large. It never throws. */
  static parse(der: Uint8Array): PeerCertificate | undefined {
    if (der.length > LONGEST_CERTIFICATE || der[0] !== DER_SEQUENCE) return undefined
    try {
      const x509 = new X509Certificate(der)
      // OpenSSL overlooks what comes behind; what it read and what is read here must be the same bytes.
      return x509.raw.equals(der) ? new PeerCertificate(x509, AsnConvert.parse(x509.raw, Certificate)) : undefined
    } catch {
      return undefined
    }
  }

  equals(other: PeerCertificate): boolean {
    return this.x509.raw.equals(other.x509.raw)
  }

  /** Did the key of that one sign this? */
  isSignedBy({ x509: { publicKey } }: PeerCertificate): boolean {
    try {
      return this.x509.verify(publicKey)
    } catch {
      return false // a key of another kind than the signature
    }
  }
}

/**
 * The SHA-256 hash of a certificate's public key (SubjectPublicKeyInfo): what stays when a self-signed certificate is
 * made anew, so who was met before is known again. Undefined where it is no certificate.
 */
export function keyFingerprint(der: Uint8Array): Buffer | undefined {
  const certificate = PeerCertificate.parse(der)
  if (certificate === undefined) return undefined
  return createHash('sha256').update(certificate.x509.publicKey.export({ type: 'spki', format: 'der' })).digest()
}

/** @throws RangeError for two of a kind (RFC 5280 §4.2) */
function byIdentifier(extensions: readonly Extension[]): ReadonlyMap<string, Extension> {
  const all = new Map(extensions.map((extension) => [extension.extnID, extension]))
  if (all.size < extensions.length) throw new RangeError('an extension comes twice')
  return all
}

/** @throws RangeError where it is none */
function instant(text: string): number {
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new RangeError('not a time')
  return time
}

/** @throws Error for a key of a kind that OpenSSL does not know */
function isStrongKey({ publicKey: { asymmetricKeyType: type, asymmetricKeyDetails: details } }: X509Certificate): boolean {
  if (type === 'ed25519' || type === 'ed448') return true
  if (type === 'ec') return CURVES.has(details?.namedCurve ?? '')
  const bits = type === 'rsa' ? details?.modulusLength ?? 0 : 0
  return bits >= SHORTEST_RSA && bits <= LONGEST_RSA
}
