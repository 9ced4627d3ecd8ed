import 'reflect-metadata' // @peculiar/x509 needs it loaded first
import { AsnConvert } from '@peculiar/asn1-schema'
import { GeneralName, GeneralNames, OtherName } from '@peculiar/asn1-x509'
import * as x509 from '@peculiar/x509'
import { createHash, webcrypto, X509Certificate } from 'node:crypto'

/** id-on-xmppAddr, a UTF8String (RFC 6120 §13.7.1.4), and id-on-dnsSRV, an IA5String (RFC 4985). */
const ID_ON_XMPP_ADDRESS = '1.3.6.1.5.5.7.8.5'
const ID_ON_DNS_SRV = '1.3.6.1.5.5.7.8.7'
const DER_UTF8_STRING = 0x0c
const DER_IA5_STRING = 0x16

const TEN_YEARS = 3650 * 86_400_000
const ONE_DAY = 86_400_000

/** A certificate and its private key, as PEM texts. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

/**
 * A self-signed P-256 certificate for one domain, valid for ten years, that names it in each way a peer may look for
 * it: dNSName, XmppAddr and SRVName (RFC 6120 §13.7.1.2). It says nothing else: the subject is empty of people and
 * the serial number random, so that two domains of one server have nothing in common.
 */
export async function selfSigned(domain: string, now: number): Promise<KeyPair> {
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0])
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const names = new GeneralNames([
    new GeneralName({ dNSName: domain }),
    otherName(ID_ON_XMPP_ADDRESS, DER_UTF8_STRING, domain),
    otherName(ID_ON_DNS_SRV, DER_IA5_STRING, `_xmpp-client.${domain}`),
    otherName(ID_ON_DNS_SRV, DER_IA5_STRING, `_xmpp-server.${domain}`),
  ])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: domain.length <= 64 ? `CN=${domain}` : 'CN=XMPP', // X.520 ends a common name at 64 characters
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex').replace(/^./, '4'),
    // A whole day back: the minute of the first start is nobody's business, and clocks differ.
    notBefore: new Date(Math.floor(now / ONE_DAY) * ONE_DAY - ONE_DAY),
    notAfter: new Date(Math.floor(now / ONE_DAY) * ONE_DAY + TEN_YEARS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.Extension('2.5.29.17', false, AsnConvert.serialize(names)),
    ],
  })
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `-----BEGIN PRIVATE KEY-----\n${key.replace(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`,
  }
}

/**
 * What tls-server-end-point binds to (RFC 5929 §4.1): the certificate's hash by its own signature's hash function,
 * SHA-256 in the place of MD5 and SHA-1; undefined where the signature has no such function (Ed25519), as then the
 * binding is not defined.
 */
export function endPointBinding(pem: string): Buffer | undefined {
  const der = new X509Certificate(pem).raw
  const { hash } = new x509.X509Certificate(der).signatureAlgorithm as { hash?: { name?: string } }
  const name = hash?.name?.toLowerCase().replace('-', '')
  if (name === undefined) return undefined
  return createHash(name === 'sha1' || name === 'md5' ? 'sha256' : name).update(der).digest()
}

function otherName(typeId: string, tag: number, text: string): GeneralName {
  const bytes = Buffer.from(text, 'utf8')
  const length = bytes.length < 0x80 ? [bytes.length] : bytes.length < 0x100 ? [0x81, bytes.length]
    : [0x82, bytes.length >> 8, bytes.length & 0xff]
  const value = Buffer.concat([Buffer.from([tag, ...length]), bytes])
  return new GeneralName({ otherName: new OtherName({ typeId, value: new Uint8Array(value).buffer as ArrayBuffer }) })
}
