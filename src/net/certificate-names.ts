import type { GeneralName } from '@peculiar/asn1-x509'
import { isUtf8 } from 'node:buffer'
import { isIP } from 'node:net'
import { domainpart } from '../xmpp/domainpart.ts'

/** id-on-xmppAddr, a UTF8String (RFC 6120 §13.7.1.4), and id-on-dnsSRV, an IA5String (RFC 4985 §2). */
const ID_ON_XMPP_ADDRESS = '1.3.6.1.5.5.7.8.5'
const ID_ON_DNS_SRV = '1.3.6.1.5.5.7.8.7'
const DER_UTF8_STRING = 0x0c
const DER_IA5_STRING = 0x16

/** Names of one certificate; public authorities write a hundred at the most. */
const MOST_NAMES = 1000

/** What a server may be asked for at a domain; the names of its SRV records (RFC 6120 §3.2.1). */
export type XmppService = 'xmpp-client' | 'xmpp-server'

/**
 * The domains that a certificate names, by its subjectAltName alone; a common name is never looked at (RFC 9525 §2).
 * All are kept as JIDs have them, labels in Unicode, so that A-labels and U-labels compare (RFC 9525 §6.3).
 */
export class CertificateNames {
  /** dNSName: the whole name. */
  readonly #domains = new Set<string>()
  /** dNSName "*.montague.lit": what stands behind the wildcard. */
  readonly #wildcards = new Set<string>()
  /** SRVName "_xmpp-server.montague.lit": without its underscore. */
  readonly #services = new Set<string>()
  /** XmppAddr, a domain alone. One with a localpart names a person. */
  readonly #addresses = new Set<string>()

  /** Undefined where there are too many to be judged in good time. What is no name by its own rules names nobody. */
  static of(names: readonly GeneralName[]): CertificateNames | undefined {
    if (names.length > MOST_NAMES) return undefined
    const all = new CertificateNames()
    for (const name of names) all.#add(name)
    return all
  }

  /** Does it speak for nobody? */
  get isEmpty(): boolean {
    return this.#domains.size + this.#wildcards.size + this.#services.size + this.#addresses.size === 0
  }

  /** May whoever has the certificate's key speak for that domain (a domainpart) as that service? */
  covers(domain: string, service: XmppService): boolean {
    const wanted = domainpart(domain)
    if (wanted === undefined || isAddress(wanted)) return false
    return this.#domains.has(wanted) || this.#wildcards.has(behindFirstLabel(wanted))
      || this.#services.has(`${service}.${wanted}`) || this.#addresses.has(wanted)
  }

  /**
   * All domains that are named, in whatever form, for name constraints. A wildcard keeps its asterisk: it stands for
   * any one label.
   */
  * domains(): IterableIterator<string> {
    yield* this.#domains
    yield* this.#addresses
    for (const wildcard of this.#wildcards) yield `*.${wildcard}`
    for (const service of this.#services) yield behindFirstLabel(service)
  }

  #add({ dNSName, otherName }: GeneralName): void {
    if (dNSName !== undefined) return this.#addDnsName(dNSName)
    if (otherName === undefined) return
    const value = Buffer.from(otherName.value)
    if (otherName.typeId === ID_ON_DNS_SRV) this.#addService(derText(value, DER_IA5_STRING))
    else if (otherName.typeId === ID_ON_XMPP_ADDRESS) add(this.#addresses, derText(value, DER_UTF8_STRING))
  }

  /** RFC 9525 §6.3: a wildcard is the whole of the first label, and the only one. */
  #addDnsName(name: string): void {
    if (!name.startsWith('*.')) return add(this.#domains, ascii(name))
    const behind = name.slice(2)
    // "*.lit" would be a whole zone. No public authority issues it, and no other is believed that much.
    if (behind.includes('.')) add(this.#wildcards, ascii(behind))
  }

  /**
   * RFC 4985 §2: "_Service.Name". RFC 6120 §13.7.1.2.1 knows wildcards as the complete first label of an identifier
   * only, and that is the service here; so there is none in this form.
   */
  #addService(name: string | undefined): void {
    const [, service = '', domain = ''] = /^_(xmpp-client|xmpp-server)\.([^]+)$/i.exec(name ?? '') ?? []
    const named = domainpart(ascii(domain) ?? '')
    if (named !== undefined && !isAddress(named)) this.#services.add(`${service.toLowerCase()}.${named}`)
  }
}

function add(names: Set<string>, name: string | undefined): void {
  const named = domainpart(name ?? '')
  if (named !== undefined && !isAddress(named)) names.add(named)
}

/** What an IA5String of a domain may be: letters, digits, hyphens and dots, without a final one (RFC 5280 §4.2.1.6). */
function ascii(text: string): string | undefined {
  return /^[a-z0-9.-]*[a-z0-9-]$/i.test(text) ? text : undefined
}

/** An IP address is no domain, though it may look like one: it has a form of its own, which nobody asks for here. */
function isAddress(domain: string): boolean {
  return domain.startsWith('[') || isIP(domain) !== 0
}

function behindFirstLabel(domain: string): string {
  const dot = domain.indexOf('.')
  return dot < 0 ? '' : domain.slice(dot + 1)
}

/** The text of a DER string of that type, and of nothing else; undefined where it is none. */
function derText(der: Buffer, tag: number): string | undefined {
  let length = der[1] ?? 0
  let start = 2
  if (length > 0x82 || length === 0x80) return undefined // names end far below 64 kB
  if (length > 0x80) {
    start += length - 0x80
    length = der.length < start ? 0 : der.readUIntBE(2, start - 2)
  }
  const text = der.subarray(start)
  return der[0] === tag && text.length === length && isUtf8(text) ? text.toString('utf8') : undefined
}
