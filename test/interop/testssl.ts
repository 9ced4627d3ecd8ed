import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Of a finding, as testssl.sh writes it. WARN: something could not be tested. */
export type Severity = 'DEBUG' | 'INFO' | 'OK' | 'WARN' | 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL' | 'FATAL'

export interface Finding {
  /** What was tested. */
  readonly id: string
  readonly severity: Severity
  readonly finding: string
}

export interface Audited {
  /** As in the certificate, and in the hello. */
  readonly domain: string
  /** On 127.0.0.1. */
  readonly port: number
  /** STARTTLS as a client of that domain asks for it; else TLS begins with the first byte. */
  readonly starttls: boolean
  /** The authority that it believes besides the public ones: a PEM file. */
  readonly authority: string
  /** Of its options, those for single checks; without any it does all that it does by default. */
  readonly checks?: readonly string[]
}

/**
 * What testssl.sh, as Debian has it, finds at a TLS listener. By default it looks at protocols, ciphers, forward secrecy,
 * preferences, the certificate, all vulnerabilities that it knows, each cipher that OpenSSL has, and what programs of the
 * world would agree on.
 *
 * @throws Error where it did not come to its end
 */
export async function audit({ domain, port, starttls, authority, checks = [] }: Audited): Promise<readonly Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-testssl-'))
  const file = join(folder, 'findings.json')
  const line = [
    '--quiet', '--color', '0', '--warnings', 'batch', '--nodns', 'none', '--connect-timeout', '10', '--openssl-timeout', '20',
    '--ip', '127.0.0.1', '--add-ca', authority, '--jsonfile', file,
    ...starttls ? ['--starttls', 'xmpp', '--xmpphost', domain] : [], ...checks, `${domain}:${port}`,
  ]
  // A group of its own: what it starts ends with it.
  const child = spawn('testssl', line, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, TMPDIR: folder } })
  const end = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch { /* nobody is left of it */ }
  }
  process.on('exit', end)
  try {
    let said = ''
    for (const output of [child.stdout, child.stderr]) output.setEncoding('utf8').on('data', (text: string) => { said += text })
    await once(child, 'close') // its exit code is the number of findings, more or less
    const findings = JSON.parse(readFileSync(file, 'utf8')) as readonly Finding[] // its own format; a test looks into each
    if (!findings.some(({ id }) => id === 'scanTime')) throw new Error(`testssl.sh gave up: ${said.slice(-2000)}`)
    return findings
  } finally {
    end()
    process.off('exit', end)
    rmSync(folder, { recursive: true, force: true })
  }
}
