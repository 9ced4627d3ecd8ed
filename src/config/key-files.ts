import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Complaint } from './config-error.ts'

/** What is wrong with a domain's certificate and its private key; '' is: not given. `at` is the domain's own key. */
export function keyPairComplaints(at: string, certificate: string, key: string, now: number): Complaint[] {
  if (certificate === '' && key === '') return []
  const [atCertificate, atKey] = [`${at}.certificate`, `${at}.key`]
  if (key === '') {
    return [{ key: atCertificate, problem: 'a certificate is given without its key', remedy: 'Add key = "..."' }]
  }
  if (certificate === '') {
    return [{ key: atKey, problem: 'a key is given without its certificate', remedy: 'Add certificate = "..."' }]
  }
  const complaints: Complaint[] = []
  const x509 = readable(atCertificate, certificate, complaints, 'PEM certificate', (pem) => new X509Certificate(pem))
  const secret = readable(atKey, key, complaints, 'PEM private key without passphrase', (pem) => createPrivateKey(pem))
  // Tools that renew certificates hand keys to services by a group; nobody else is to read or change them.
  if (secret !== undefined) complaints.push(...openComplaints(atKey, key, 0o037, 'chmod 640'))
  if (x509 !== undefined) complaints.push(...dateComplaints(atCertificate, certificate, x509, now))
  if (x509 !== undefined && secret !== undefined && !x509.checkPrivateKey(secret)) {
    complaints.push({
      key: atKey,
      problem: `${key} is not the key of ${certificate}`,
      remedy: 'Name the key with which the certificate was requested; in a chain the server\'s certificate comes first',
    })
  }
  return complaints
}

/** What is wrong with a file that only the server itself may read; '' is: not given. */
export function secretFileComplaints(
  key: string, file: string, { mayBeMissing }: { readonly mayBeMissing: boolean },
): Complaint[] {
  const reason = file === '' ? undefined : unreadable(file)
  if (file === '' || (reason === 'ENOENT' && mayBeMissing)) return []
  if (reason !== undefined) return [unreadableComplaint(key, file, reason)]
  return openComplaints(key, file, 0o077, 'chmod 600')
}

/** The system's reason why a file cannot be read, e.g. 'ENOENT'; undefined where it can. */
export function unreadable(file: string): string | undefined {
  try {
    readFileSync(file)
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  }
}

function unreadableComplaint(key: string, file: string, reason: string): Complaint {
  const remedy = 'Name a file that is there and that this user may read'
  return { key, problem: `${file} cannot be read (${reason})`, remedy }
}

function readable<T>(
  key: string, file: string, complaints: Complaint[], what: string, read: (pem: Buffer) => T,
): T | undefined {
  const reason = unreadable(file)
  if (reason !== undefined) {
    complaints.push(unreadableComplaint(key, file, reason))
    return undefined
  }
  try {
    return read(readFileSync(file))
  } catch {
    // The library's message may quote the file.
    complaints.push({ key, problem: `${file} holds no ${what}`, remedy: `Name a file with a ${what}` })
    return undefined
  }
}

function openComplaints(key: string, file: string, forbidden: number, close: string): Complaint[] {
  const mode = statSync(file).mode & 0o777
  if ((mode & forbidden) === 0) return []
  const problem = `${file} is open to other users (mode 0${mode.toString(8)})`
  return [{ key, problem, remedy: `Close it: ${close} ${file}` }]
}

function dateComplaints(key: string, file: string, x509: X509Certificate, now: number): Complaint[] {
  if (Date.parse(x509.validTo) < now) {
    return [{ key, problem: `${file} expired on ${x509.validTo}`, remedy: 'Renew the certificate; its key may stay' }]
  }
  if (Date.parse(x509.validFrom) > now) {
    const problem = `${file} is valid only from ${x509.validFrom}`
    return [{ key, problem, remedy: 'Look at the clock of this machine, or wait' }]
  }
  return []
}
