import 'reflect-metadata' // @peculiar/x509 needs it loaded first
import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralNames, GeneralSubtree, GeneralSubtrees, NameConstraints, OtherName } from '@peculiar/asn1-x509'
import * as x509 from '@peculiar/x509'
import { webcrypto } from 'node:crypto'

/** Certificates are made around this time and judged at it. */
export const NOW = Date.parse('2026-11-22T12:00:00Z')
const DAY = 86_400_000

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'
export const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4'
export const USAGE = { digitalSignature: 1, keyEncipherment: 4, keyCertSign: 32 } as const

/** What a certificate is to say; left out, it is sound. */
export interface Wishes {
  readonly subject?: string
  /** subjectAltName; none: the extension is left out. */
  readonly names?: readonly GeneralName[]
  /** extendedKeyUsage; none: the extension is left out. */
  readonly purposes?: readonly string[]
  readonly from?: number
  readonly to?: number
  readonly authority?: boolean
  readonly pathLength?: number
  readonly usage?: number
  readonly hash?: 'SHA-1' | 'SHA-256'
  readonly curve?: 'P-256' | 'P-521'
  readonly rsaBits?: number
  readonly extensions?: readonly x509.Extension[]
}

/** A certificate with its private key: a small authority, or one that it issued. */
export class Issued {
  readonly #certificate: x509.X509Certificate
  readonly #keys: webcrypto.CryptoKeyPair

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#certificate = certificate
    this.#keys = keys
  }

  /** Signed by itself. */
  static root(wishes: Wishes = {}): Promise<Issued> {
    return Issued.#make({ subject: 'CN=Root of Verona', authority: true, ...wishes }, undefined)
  }

  /** One that it issues for the end of a path. */
  issue(wishes: Wishes): Promise<Issued> {
    return Issued.#make({ subject: 'CN=nobody.lit', purposes: [SERVER_AUTH], ...wishes }, this)
  }

  /** An authority below it; a root for those who trust it where it has its own name. */
  authority(wishes: Wishes = {}): Promise<Issued> {
    return Issued.#make({ subject: 'CN=Intermediate of Verona', authority: true, ...wishes }, this)
  }

  /** The same name and key, signed by another: a cross-signed authority. */
  async signedBy(issuer: Issued, wishes: Wishes = {}): Promise<Issued> {
    return Issued.#make({ subject: this.#certificate.subject, authority: true, ...wishes }, issuer, this.#keys)
  }

  get der(): Buffer {
    return Buffer.from(this.#certificate.rawData)
  }

  get pem(): string {
    return `${this.#certificate.toString('pem')}\n`
  }

  async keyPem(): Promise<string> {
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', this.#keys.privateKey))
    return `-----BEGIN PRIVATE KEY-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`
  }

  static async #make(wishes: Wishes, issuer: Issued | undefined, known?: webcrypto.CryptoKeyPair): Promise<Issued> {
    x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])
    const { subject = '', names, purposes, authority = false, pathLength, usage, hash = 'SHA-256', rsaBits, extensions = [] } = wishes
    const algorithm = rsaBits === undefined ? { name: 'ECDSA', namedCurve: wishes.curve ?? 'P-256', hash }
      : { name: 'RSASSA-PKCS1-v1_5', modulusLength: rsaBits, publicExponent: new Uint8Array([1, 0, 1]), hash }
    const keys = known ?? await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
    const issuerKey = (issuer === undefined ? keys : issuer.#keys).privateKey
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: issuer === undefined ? subject : issuer.#certificate.subject,
      notBefore: new Date(wishes.from ?? NOW - DAY),
      notAfter: new Date(wishes.to ?? NOW + 90 * DAY),
      signingAlgorithm: { ...issuerKey.algorithm, hash },
      publicKey: keys.publicKey,
      signingKey: issuerKey,
      extensions: [
        new x509.BasicConstraintsExtension(authority, pathLength, true),
        new x509.KeyUsagesExtension(usage ?? (authority ? USAGE.keyCertSign : USAGE.digitalSignature), true),
        ...(names === undefined ? [] : [alternativeNames(names)]),
        ...(purposes === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
        ...extensions,
      ],
    })
    return new Issued(certificate, keys)
  }
}

/** subjectAltName as an extension, for those that are to come twice. */
export function alternativeNames(names: readonly GeneralName[]): x509.Extension {
  return new x509.Extension('2.5.29.17', false, AsnConvert.serialize(new GeneralNames([...names])))
}

export function unknownExtension(critical: boolean): x509.Extension {
  return new x509.Extension('1.3.6.1.4.1.99999.1', critical, Uint8Array.of(5, 0))
}

export function nameConstraints(permitted: readonly GeneralName[], excluded: readonly GeneralName[] = []): x509.Extension {
  const subtrees = (names: readonly GeneralName[]): GeneralSubtrees => new GeneralSubtrees(names.map((base) => new GeneralSubtree({ base })))
  return new x509.Extension('2.5.29.30', true, AsnConvert.serialize(new NameConstraints({
    ...(permitted.length === 0 ? {} : { permittedSubtrees: subtrees(permitted) }),
    ...(excluded.length === 0 ? {} : { excludedSubtrees: subtrees(excluded) }),
  })))
}

export function dns(name: string): GeneralName {
  return new GeneralName({ dNSName: name })
}

/** SRVName: an IA5String, or of another type by its tag. */
export function srv(name: string, tag = 0x16): GeneralName {
  return otherName('1.3.6.1.5.5.7.8.7', tag, Buffer.from(name))
}

/** XmppAddr: a UTF8String, or of another type by its tag. */
export function xmpp(address: string | Buffer, tag = 0x0c): GeneralName {
  return otherName('1.3.6.1.5.5.7.8.5', tag, Buffer.from(address))
}

export function otherName(typeId: string, tag: number, content: Buffer): GeneralName {
  const value = Buffer.concat([content.length < 0x80 ? Buffer.of(tag, content.length) : Buffer.of(tag, 0x81, content.length), content])
  return new GeneralName({ otherName: new OtherName({ typeId, value: new Uint8Array(value).buffer as ArrayBuffer }) })
}
