import { domainpart } from './domainpart.ts'
import { localpart, resourcepart } from './precis.ts'

/** JIDs kept parsed, twice over: those seen lately, and those seen before these. */
const REMEMBERED = 5000

/** Longer texts are not kept, so that a peer cannot fill the memory with them: code units. */
const LONGEST_REMEMBERED = 256

/**
 * A JID (RFC 7622), normalized: two JIDs are the same exactly if their texts are.
 * Parts that are absent are ''.
 */
export class Jid {
  /**
   * What was parsed lately, by the text as it came. It belongs to the class because parsing has no other owner, holds
   * nothing that parsing again would not give, and is bounded: at most 2 * REMEMBERED short texts.
   */
  static #recent = new Map<string, Jid>()
  static #earlier = new Map<string, Jid>()

  readonly local: string
  readonly domain: string
  readonly resource: string
  readonly #text: string
  #bare: Jid | undefined
  #server: Jid | undefined

  private constructor(local: string, domain: string, resource: string) {
    this.local = local
    this.domain = domain
    this.resource = resource
    this.#text = `${local === '' ? '' : `${local}@`}${domain}${resource === '' ? '' : `/${resource}`}`
  }

  /** Parses and normalizes text from anywhere; undefined where it is no JID. */
  static parse(text: string): Jid | undefined {
    const recent = Jid.#recent.get(text)
    if (recent !== undefined) return recent
    const earlier = Jid.#earlier.get(text)
    // A copy: a part of a string keeps the whole alive, and this one was cut out of a stream.
    const own = text.length > LONGEST_REMEMBERED ? text : Buffer.from(text, 'utf16le').toString('utf16le')
    const jid = earlier ?? Jid.#split(own)
    if (jid !== undefined && own.length <= LONGEST_REMEMBERED) Jid.#remember(own, jid)
    return jid
  }

  /** Builds a JID from parts, each of which is normalized; undefined where one of them cannot be. */
  static of(local: string, domain: string, resource = ''): Jid | undefined {
    const account = local === '' ? '' : localpart(local)
    const host = domainpart(domain)
    const device = resource === '' ? '' : resourcepart(resource)
    if (account === undefined || host === undefined || device === undefined) return undefined
    return new Jid(account, host, device)
  }

  /** RFC 7622 §3.1: the separators are looked for before anything is mapped; §3.2: first the slash, then the sign. */
  static #split(text: string): Jid | undefined {
    const slash = text.indexOf('/')
    const bare = slash < 0 ? text : text.slice(0, slash)
    const at = bare.indexOf('@')
    if (slash === text.length - 1 || at === 0) return undefined
    return Jid.of(at < 0 ? '' : bare.slice(0, at), bare.slice(at + 1), slash < 0 ? '' : text.slice(slash + 1))
  }

  static #remember(text: string, jid: Jid): void {
    if (Jid.#recent.size >= REMEMBERED) {
      Jid.#earlier = Jid.#recent
      Jid.#recent = new Map()
    }
    Jid.#recent.set(text, jid)
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
    return this.#server ??= new Jid('', this.domain, '')
  }

  /** This account with that resource; undefined where the text is no resourcepart. */
  withResource(resource: string): Jid | undefined {
    const device = resourcepart(resource)
    return device === undefined ? undefined : new Jid(this.local, this.domain, device)
  }

  equals(other: Jid): boolean {
    return this.#text === other.#text
  }

  toString(): string {
    return this.#text
  }
}
