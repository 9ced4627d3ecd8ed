import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { CLIENT_AUTH, dns, Issued, SERVER_AUTH } from '../net/authority.ts'

const DAY = 86_400_000

/**
 * What a server shows for its domain. The first two are valid; the second is for servers alone, as public authorities
 * make them from 2026 on, and no good for a server that calls another, say some.
 */
export type CertificateKind = 'valid' | 'servers-alone' | 'self-signed' | 'expired' | 'other-name' | 'unknown-authority'

export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** An authority that the servers of a test believe, one that none of them does, and what the two issue, as files. */
export class Certificates {
  /** The believed authority, PEM. */
  readonly authority: string
  readonly folder: string
  readonly #believed: Issued
  readonly #unknown: Issued

  private constructor(folder: string, believed: Issued, unknown: Issued) {
    this.folder = folder
    this.#believed = believed
    this.#unknown = unknown
    this.authority = join(folder, 'authority.pem')
    writeFileSync(this.authority, believed.pem)
  }

  static async in(folder: string): Promise<Certificates> {
    const validity = { from: Date.now() - DAY, to: Date.now() + 30 * DAY }
    const [believed, unknown] = [await Issued.root(validity), await Issued.root({ subject: 'CN=Root of Mantua', ...validity })]
    return new Certificates(folder, believed, unknown)
  }

  /** As Prosody looks for them by itself. */
  files(domain: string): CertificateFiles {
    return { certificate: join(this.folder, `${domainToASCII(domain)}.crt`), key: join(this.folder, `${domainToASCII(domain)}.key`) }
  }

  async issue(domain: string, kind: CertificateKind): Promise<void> {
    const [from, to] = kind === 'expired' ? [-20 * DAY, -10 * DAY] : [-DAY, 20 * DAY]
    const name = domainToASCII(kind === 'other-name' ? `not-${domain}` : domain)
    const wishes = {
      // ejabberd believes this name, too, though there are others (RFC 6125 §6.4.4 says that it must not).
      subject: `CN=${name}`,
      names: [dns(name)],
      purposes: kind === 'servers-alone' ? [SERVER_AUTH] : [SERVER_AUTH, CLIENT_AUTH],
      from: Date.now() + from,
      to: Date.now() + to,
    }
    const issued = kind === 'self-signed' ? await Issued.root({ ...wishes, authority: false })
      : await (kind === 'unknown-authority' ? this.#unknown : this.#believed).issue(wishes)
    const { certificate, key } = this.files(domain)
    writeFileSync(certificate, issued.pem)
    writeFileSync(key, await issued.keyPem(), { mode: 0o600 })
  }
}
