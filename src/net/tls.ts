import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import { writeWhole } from '../whole-file.ts'
import { endPointBinding, selfSigned, type KeyPair } from './certificate.ts'
import { TLS_SETTINGS } from './tls-settings.ts'

/** For handshakes with servers that we call. Whom their certificates name is judged by whoever knows whom we called. */
export const CALLING = { ...TLS_SETTINGS, rejectUnauthorized: false } as const

/** A certificate that cannot be used: names the file and the remedy. */
export class CertificateError extends Error {
  constructor(file: string, problem: string) {
    super(`${file}: ${problem}`)
    this.name = 'CertificateError'
  }
}

/** Where a domain's certificate lies. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/**
 * Who we are in TLS for one domain: its certificate, its key, and the context made of them. A changed pair of files
 * is taken up for new connections; a broken one is refused and the old one kept.
 */
export class TlsIdentity {
  readonly #files: CertificateFiles
  #context: SecureContext
  #endPoint: Buffer | undefined
  #fingerprint: string
  #stamp: string

  /** @throws CertificateError */
  constructor(files: CertificateFiles, now: number) {
    this.#files = files
    this.#stamp = stampOf(files)
    const pair = read(files, now)
    this.#context = contextOf(pair, files)
    this.#endPoint = endPointBinding(pair.certificate)
    this.#fingerprint = fingerprintOf(pair)
  }

  get context(): SecureContext {
    return this.#context
  }

  /** The value of tls-server-end-point. */
  get endPoint(): Buffer | undefined {
    return this.#endPoint
  }

  /** SHA-256 of the certificate in use, as people compare it: "AA:BB:...". */
  get fingerprint(): string {
    return this.#fingerprint
  }

  /** Reads the files again where they changed: true if a new certificate is in use. @throws CertificateError */
  reload(now: number): boolean {
    const stamp = stampOf(this.#files)
    if (stamp === this.#stamp) return false
    this.#stamp = stamp
    const pair = read(this.#files, now)
    const context = contextOf(pair, this.#files)
    this.#endPoint = endPointBinding(pair.certificate)
    this.#fingerprint = fingerprintOf(pair)
    this.#context = context
    return true
  }
}

/** The files of a domain's own self-signed certificate under `directory`; made where they are not there yet. */
export async function selfSignedFiles(directory: string, label: string, domain: string, now: number): Promise<CertificateFiles> {
  const files = { certificate: join(directory, `${label}.crt`), key: join(directory, `${label}.key`) }
  if (existsSync(files.certificate) && existsSync(files.key)) return files
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const pair = await selfSigned(domain, now)
  writeWhole(files.key, pair.key)
  writeWhole(files.certificate, pair.certificate)
  return files
}

function read(files: CertificateFiles, now: number): KeyPair {
  const pair = { certificate: readText(files.certificate), key: readText(files.key) }
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(pair.certificate)
  } catch {
    throw new CertificateError(files.certificate, 'not a certificate in PEM form')
  }
  let matches: boolean
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(pair.key))
  } catch {
    throw new CertificateError(files.key, 'not a private key in PEM form without a passphrase')
  }
  if (!matches) throw new CertificateError(files.key, `not the key of the certificate in ${files.certificate}`)
  if (Date.parse(certificate.validTo) < now) throw new CertificateError(files.certificate, 'the certificate has expired; renew it')
  return pair
}

function contextOf({ certificate, key }: KeyPair, files: CertificateFiles): SecureContext {
  try {
    return createSecureContext({ ...TLS_SETTINGS, cert: certificate, key })
  } catch (error) { // for instance, because the key is of a kind or size that OpenSSL does not take any more
    throw new CertificateError(files.certificate, `TLS cannot be spoken with it (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
}

function fingerprintOf({ certificate }: KeyPair): string {
  return new X509Certificate(certificate).fingerprint256
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CertificateError(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`) // fs throws nothing else
  }
}

/** Changes whenever either file is replaced, rewritten, or given other rights. */
function stampOf(files: CertificateFiles): string {
  return [files.certificate, files.key].map((file) => {
    try {
      // ctime, as a file that could not be read may be let be read without being written.
      const { mtimeMs, ctimeMs, ino, size } = statSync(file)
      return `${mtimeMs} ${ctimeMs} ${ino} ${size}`
    } catch {
      return 'absent'
    }
  }).join(', ')
}
