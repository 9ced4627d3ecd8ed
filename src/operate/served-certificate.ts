import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Config, DomainConfig } from '../config/schema.ts'
import { CertificateError } from '../net/tls.ts'

/**
 * A domain's certificate, read without the server: the operator's, or the one of our own making; undefined where that
 * is not made yet.
 *
 * @throws CertificateError
 */
export function certificateOf({ files }: Config, { name, certificate }: DomainConfig): X509Certificate | undefined {
  const file = certificate !== '' ? certificate : join(files.data, 'certificates', `${name}.crt`)
  if (certificate === '' && !existsSync(file)) return undefined
  try {
    return new X509Certificate(readFileSync(file))
  } catch (error) {
    const code = error instanceof Error && 'syscall' in error && 'code' in error ? `cannot be read (${String(error.code)})` : undefined
    throw new CertificateError(file, code ?? 'not a certificate in PEM form')
  }
}

/** An address and port as one writes them. */
export function where(address: string, port: number): string {
  return `${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}
