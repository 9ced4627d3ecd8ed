import { CharacterDecoder, isSpace } from './characters.ts'
import { checkDeclaration, LONGEST_DECLARATION } from './declaration.ts'
import { tooMuch, type XmlLimits } from './limits.ts'
import { characterData, lineEnds } from './references.ts'
import { StartTag } from './start-tag.ts'
import { UnfinishedToken, type Awaited } from './unfinished.ts'
import { malformed, XmlError } from './xml-error.ts'

export interface TokenOwner {
  /**
   * `attributes` alternates names and values; it is used again for the next tag, so copy what is kept. `prefixed` is
   * false where no name of the tag has a colon.
   */
  startTag(name: string, attributes: readonly string[], prefixed: boolean): void
  /** The end of the innermost open element, whose tags are equal. */
  endTag(): void
  /** A piece of text of the innermost open element: between two tags there may be several. Never empty. */
  text(text: string): void
}

const LESS = 0x3c, EXCLAMATION = 0x21, QUESTION = 0x3f, SLASH = 0x2f
const DECLARATION = '<?xml'
const CDATA = '<![CDATA['

/**
 * The lexical half of XML 1.0 as XMPP restricts it (RFC 6120 §11): bytes in, balanced tags and text out.
 *
 * The work is linear in the bytes however they are cut, and limits hold before a token is complete. White space
 * between stanzas costs nothing.
 */
export class Tokenizer {
  readonly #owner: TokenOwner
  readonly #characters = new CharacterDecoder()
  readonly #startTag = new StartTag()
  readonly #unfinished = new UnfinishedToken()
  #limits: XmlLimits
  /** Names of the open elements as written, the stream's root first. */
  readonly #open: string[] = []
  #phase: 'start' | 'prolog' | 'content' | 'closed' = 'start'
  /** The text in work, and how far it is understood. */
  #text = ''
  #position = 0
  #ascii = true
  #plain = true
  #awaited: Awaited = 'anything'
  /** Bytes of the header or of the stanza in work that are understood. */
  #spent = 0
  #stopped = false
  #unread = 0

  constructor(owner: TokenOwner, limits: XmlLimits) {
    this.#owner = owner
    this.#limits = limits
  }

  /** @throws XmlError, and whatever the owner throws; nothing is read afterwards */
  write(chunk: Uint8Array): void {
    if (this.#stopped) {
      this.#unread += chunk.length
      return
    }
    try {
      const text = this.#characters.decode(chunk)
      if (text !== '') this.#read(text)
      if (this.#characters.fault !== undefined && !this.#stopped) throw this.#characters.fault
    } catch (error) {
      this.stop()
      throw error
    }
  }

  setLimits(limits: XmlLimits): void {
    this.#limits = limits
  }

  /** Nothing more is read. Returns `unread`. */
  stop(): number {
    if (!this.#stopped) {
      this.#stopped = true
      this.#unread = this.#unfinished.bytes + this.#bytes(this.#position, this.#text.length) + this.#characters.held
      this.#unfinished.take()
      this.#text = ''
      this.#position = 0
    }
    return this.#unread
  }

  /** How many bytes were taken since the last token that was read, once stopped. */
  get unread(): number {
    return this.#unread
  }

  /** No token is unfinished. */
  get idle(): boolean {
    return !this.#unfinished.exists && this.#characters.held === 0
  }

  /** Counts bytes towards the stanza in work. @throws XmlError where that is too much */
  spend(bytes: number): void {
    this.#spent += bytes
    this.#checkSize()
  }

  #read(text: string): void {
    const { ascii, plain } = this.#characters
    if (this.#unfinished.exists) {
      this.#ascii &&= ascii
      this.#plain &&= plain
      if (!this.#unfinished.add(text, ascii ? text.length : Buffer.byteLength(text))) return this.#checkSize()
      this.#text = this.#unfinished.take()
    } else {
      this.#text = text
      this.#ascii = ascii
      this.#plain = plain
    }
    this.#position = 0
    while (this.#position < this.#text.length) {
      if (!this.#token(this.#position)) {
        const rest = this.#text.slice(this.#position)
        this.#unfinished.begin(rest, this.#bytes(this.#position, this.#text.length), this.#awaited)
        this.#text = ''
        this.#checkSize()
      }
    }
    this.#text = ''
    this.#position = 0
  }

  /** Reads one token, or returns false and has said what it waits for. */
  #token(start: number): boolean {
    if (this.#text.charCodeAt(start) !== LESS) {
      return this.#open.length > 1 ? this.#characterData(start) : this.#space(start)
    }
    if (this.#phase === 'closed') throw malformed('something after the end of the stream')
    if (start + 1 === this.#text.length) return this.#await('anything')
    switch (this.#text.charCodeAt(start + 1)) {
      case SLASH: return this.#endTag(start)
      case EXCLAMATION: return this.#cdata(start)
      case QUESTION: return this.#declaration(start)
      default: return this.#tag(start)
    }
  }

  /** Between stanzas: white space only, which is free (RFC 6120 §11.7); before the header it counts. */
  #space(start: number): boolean {
    let at = start
    while (isSpace(this.#text.charCodeAt(at))) at++
    if (at === start) throw this.#strayText()
    this.#position = at
    if (this.#phase === 'start') this.#phase = 'prolog'
    if (this.#phase === 'prolog') this.spend(at - start)
    return true
  }

  #characterData(start: number): boolean {
    const end = this.#text.indexOf('<', start)
    if (end < 0) return this.#await('<')
    this.#consume(start, end)
    const raw = this.#text.slice(start, end)
    this.#owner.text(this.#plain ? raw : characterData(raw))
    return true
  }

  #cdata(start: number): boolean {
    const opening = this.#text.slice(start, start + CDATA.length)
    if (opening !== CDATA) {
      if (CDATA.startsWith(opening)) return this.#await('anything')
      throw new XmlError('restricted-xml', 'a comment or a declaration')
    }
    if (this.#open.length < 2) throw this.#strayText()
    const from = start + CDATA.length
    const end = this.#text.indexOf(']]>', from)
    if (end < 0) return this.#await(']]>')
    this.#consume(start, end + 3)
    if (end > from) this.#owner.text(lineEnds(this.#text.slice(from, end)))
    return true
  }

  /** The XML declaration, which may only be the first thing (XML 1.0 §2.8); no other instruction is allowed. */
  #declaration(start: number): boolean {
    const opening = this.#text.slice(start, start + DECLARATION.length)
    if (this.#phase !== 'start' || !DECLARATION.startsWith(opening)) {
      throw new XmlError('restricted-xml', 'a processing instruction')
    }
    if (start + DECLARATION.length >= this.#text.length) return this.#await('anything')
    if (!isSpace(this.#text.charCodeAt(start + DECLARATION.length))) {
      throw new XmlError('restricted-xml', 'a processing instruction')
    }
    const end = this.#text.indexOf('>', start)
    if (end < 0 && this.#text.length <= LONGEST_DECLARATION) return this.#await('>')
    checkDeclaration(this.#text.slice(start, end + 1))
    this.#phase = 'prolog'
    this.#consume(start, end + 1)
    return true
  }

  #tag(start: number): boolean {
    const tag = this.#startTag
    const end = tag.read(this.#text, start, this.#plain, this.#limits)
    if (end < 0) return this.#await('end of start tag')
    if (this.#bytes(start, end) > this.#limits.startTag) throw tooMuch('a start tag is too large')
    this.#consume(start, end)
    this.#phase = 'content'
    this.#open.push(tag.name)
    const { empty } = tag
    this.#owner.startTag(tag.name, tag.attributes, tag.prefixed)
    if (this.#open.length === 1) {
      if (empty) throw new XmlError('bad-format', 'an empty stream')
      this.#spent = 0
    }
    if (empty) this.#close()
    return true
  }

  #endTag(start: number): boolean {
    const text = this.#text
    const name = this.#open.at(-1)
    if (name === undefined) throw malformed('an end tag outside the root element')
    const close = text.indexOf('>', start + 2)
    if (close < 0) return this.#await('>')
    let end = start + 2 + name.length
    while (isSpace(text.charCodeAt(end))) end++
    if (end !== close || !text.startsWith(name, start + 2)) throw malformed('an end tag that fits no start tag')
    this.#consume(start, close + 1)
    this.#close()
    return true
  }

  #close(): void {
    this.#open.pop()
    if (this.#open.length < 2) this.#spent = 0
    if (this.#open.length === 0) this.#phase = 'closed'
    this.#owner.endTag()
  }

  #await(awaited: Awaited): false {
    this.#awaited = awaited
    return false
  }

  #consume(start: number, end: number): void {
    this.#position = end
    this.spend(this.#bytes(start, end))
  }

  #bytes(start: number, end: number): number {
    return this.#ascii ? end - start : Buffer.byteLength(this.#text.slice(start, end))
  }

  #checkSize(): void {
    const pending = this.#unfinished.bytes
    if (this.#unfinished.awaited === 'end of start tag' && pending > this.#limits.startTag) {
      throw tooMuch('a start tag is too large')
    }
    const header = this.#open.length === 0
    if (this.#spent + pending <= (header ? this.#limits.header : this.#limits.stanza)) return
    throw tooMuch(header ? 'the stream header is too large' : 'a stanza is too large')
  }

  #strayText(): XmlError {
    return this.#open.length === 0
      ? malformed('text outside the root element')
      : new XmlError('bad-format', 'text between stanzas')
  }
}
