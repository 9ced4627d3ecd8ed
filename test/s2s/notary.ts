/** Certificates for servers: from an authority that the servers of a test believe, and wrong in each way there is. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TlsIdentity } from '../../src/net/tls.ts'
import { dns, EMAIL_PROTECTION, Issued, NOW, SERVER_AUTH, srv, USAGE, xmpp, type Wishes } from '../net/authority.ts'

const DAY = 86_400_000

/** A certificate and its key, as Node takes them. */
export interface Shown {
  readonly cert: string
  readonly key: string
}

export class Notary {
  readonly root: Issued
  /** Nobody believes it. */
  readonly stranger: Issued
  readonly #folder: string

  constructor(folder: string, root: Issued, stranger: Issued) {
    this.#folder = folder
    this.root = root
    this.stranger = stranger
    writeFileSync(this.authorities, root.pem)
  }

  static async authorities(): Promise<readonly [root: Issued, stranger: Issued]> {
    return [await Issued.root(), await Issued.root({ subject: 'CN=Root of Mantua' })]
  }

  /** For `s2s.authorities`. */
  get authorities(): string {
    return join(this.#folder, 'authorities.pem')
  }

  /** As a server of ours has it. */
  async identity(domain: string): Promise<TlsIdentity> {
    const files = { certificate: join(this.#folder, `${domain}.crt`), key: join(this.#folder, `${domain}.key`) }
    const { cert, key } = await this.shown(domain)
    writeFileSync(files.certificate, cert)
    writeFileSync(files.key, key, { mode: 0o600 })
    return new TlsIdentity(files, NOW)
  }

  /** A sound one of that domain, or with those changes. */
  async shown(domain: string, changes: Wishes = {}): Promise<Shown> {
    return pems(await this.root.issue({ names: [dns(domain)], ...changes }))
  }
}

async function pems(issued: Issued): Promise<Shown> {
  return { cert: issued.pem, key: await issued.keyPem() }
}

/** Ways to be the domain, all sound. */
export const SOUND: readonly (readonly [string, (notary: Notary, domain: string) => Promise<Shown>])[] = [
  ['for servers alone', (notary, domain) => notary.shown(domain, { purposes: [SERVER_AUTH] })],
  ['with a wildcard for its first label', (notary, domain) => notary.shown(domain, { names: [dns(domain.replace(/^[^.]+/, '*'))] })],
  ['with an SRVName', (notary, domain) => notary.shown(domain, { names: [srv(`_xmpp-server.${domain}`)] })],
  ['with an XmppAddr', (notary, domain) => notary.shown(domain, { names: [xmpp(domain)] })],
]

/** Ways not to be it; the condition is that of the log. */
export const WRONG: readonly (readonly [string, string, (notary: Notary, domain: string) => Promise<Shown>])[] = [
  ['of another domain', 'other-name', (notary) => notary.shown('mantua.lit')],
  ['of a domain below it', 'other-name', (notary, domain) => notary.shown(`xmpp.${domain}`)],
  ['of all names below it', 'other-name', (notary, domain) => notary.shown(`*.${domain}`)],
  ['of its service for clients', 'other-name', (notary, domain) => notary.shown(domain, { names: [srv(`_xmpp-client.${domain}`)] })],
  ['with its name as common name alone', 'nameless', (notary, domain) => notary.shown(domain, { subject: `CN=${domain}`, names: [] })],
  ['that has expired', 'expired', (notary, domain) => notary.shown(domain, { to: NOW - DAY })],
  ['that is for tomorrow', 'not-yet-valid', (notary, domain) => notary.shown(domain, { from: NOW + DAY })],
  ['for mail', 'wrong-purpose', (notary, domain) => notary.shown(domain, { purposes: [EMAIL_PROTECTION] })],
  ['with a weak key', 'weak', (notary, domain) => notary.shown(domain, { rsaBits: 1024 })],
  ['of an unknown authority', 'untrusted', async ({ stranger }, domain) => pems(await stranger.issue({ names: [dns(domain)] }))],
  ['signed by itself', 'self-signed', async (_, domain) => pems(await Issued.root({
    subject: `CN=${domain}`, authority: false, usage: USAGE.digitalSignature, names: [dns(domain)],
  }))],
]
