/**
 * A JID (RFC 7622), normalized: two JIDs are the same exactly if their texts are.
 * Parts that are absent are ''.
 */
export class Jid {
  readonly local: string
  readonly domain: string
  readonly resource: string
  readonly #text: string
  #bare: Jid | undefined

  private constructor(local: string, domain: string, resource: string) {
    this.local = local
    this.domain = domain
    this.resource = resource
    this.#text = `${local === '' ? '' : `${local}@`}${domain}${resource === '' ? '' : `/${resource}`}`
  }

  /** Parses and normalizes text from anywhere; undefined where it is no JID. */
  static parse(text: string): Jid | undefined {
    const slash = text.indexOf('/')
    const bare = slash < 0 ? text : text.slice(0, slash)
    const at = bare.indexOf('@')
    if (slash === text.length - 1 || at === 0) return undefined
    return Jid.of(at < 0 ? '' : bare.slice(0, at), bare.slice(at + 1), slash < 0 ? '' : text.slice(slash + 1))
  }

  /** Builds a JID from parts, each of which is normalized; undefined where one of them cannot be. */
  static of(local: string, domain: string, resource = ''): Jid | undefined {
    if (domain === '') return undefined
    return new Jid(local.toLowerCase(), domain.toLowerCase(), resource)
  }

  get isBare(): boolean {
    return this.resource === ''
  }

  /** This JID without its resource. */
  get bare(): Jid {
    if (this.resource === '') return this
    return this.#bare ??= new Jid(this.local, this.domain, '')
  }

  /** The domain of this JID, as a JID. */
  get server(): Jid {
    return new Jid('', this.domain, '')
  }

  /** This account with that resource; undefined where the text is no resourcepart. */
  withResource(resource: string): Jid | undefined {
    return Jid.of(this.local, this.domain, resource)
  }

  equals(other: Jid): boolean {
    return this.#text === other.#text
  }

  toString(): string {
    return this.#text
  }
}
