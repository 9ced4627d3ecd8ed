import { Element } from './element.ts'
import { tooMuch, type XmlLimits } from './limits.ts'
import { NamespaceScope, resolveTag } from './namespaces.ts'
import { Tokenizer, type TokenOwner } from './tokens.ts'

/** Who reads a stream. The methods are called within `write`; what they throw goes to the caller of `write`. */
export interface ParserOwner {
  streamOpened(header: StreamHeader): void
  /** A whole first-level element. Nobody else has it; it is never changed again. */
  received(element: Element): void
  /** The peer's closing tag. */
  streamClosed(): void
}

/**
 * One direction of an XML stream (RFC 6120 §4): bytes in; the header, the first-level elements and the end out.
 *
 * Strict, because what is forgiven here is understood in two ways by two servers: XML 1.0 and its namespaces without
 * comments, instructions and document types (RFC 6120 §11), UTF-8, and nothing larger than the limits. Every restart
 * of a stream needs a new parser (RFC 6120 §4.3.3).
 */
export class StreamParser {
  readonly #tree: Tree
  readonly #tokens: Tokenizer

  constructor(owner: ParserOwner, limits: XmlLimits) {
    this.#tree = new Tree(owner, limits, (bytes) => { this.#tokens.spend(bytes) })
    this.#tokens = new Tokenizer(this.#tree, limits)
  }

  /**
   * Reads a chunk, cut anywhere. Elements before a fault are still delivered; after it, and after `stop`, nothing is
   * read any more and chunks are only counted.
   *
   * @throws XmlError, and whatever the owner throws
   */
  write(chunk: Uint8Array): void {
    this.#tokens.write(chunk)
  }

  setLimits(limits: XmlLimits): void {
    this.#tree.limits = limits
    this.#tokens.setLimits(limits)
  }

  /**
   * Ends reading for good, also from within the owner's methods. Returns how many bytes were received behind the last
   * token that was read: before TLS there must be none, or they would pass for what came through TLS.
   */
  stop(): number {
    return this.#tokens.stop()
  }

  /** What `stop` returned, with the bytes written since. */
  get unread(): number {
    return this.#tokens.unread
  }

  /** No element has been received by half. */
  get idle(): boolean {
    return this.#tree.idle && this.#tokens.idle
  }
}

/** The start tag of a stream's root element, without children. */
export class StreamHeader extends Element {
  /** The default namespace that the header declares; '' where it declares none (RFC 6120 §4.8.2). */
  readonly contentNamespace: string
  /** The namespaces that the header binds to prefixes: old servers announce dialback so (XEP-0220). */
  readonly prefixed: readonly string[]

  constructor(namespace: string, name: string, attributes: Record<string, string>, scope: NamespaceScope) {
    super(namespace, name, attributes, [])
    this.contentNamespace = scope.default
    this.prefixed = scope.namespaces
  }
}

/** Makes elements of tags. */
class Tree implements TokenOwner {
  limits: XmlLimits
  readonly #owner: ParserOwner
  readonly #spend: (bytes: number) => void
  /** The scope of the root, then those of the open elements. */
  readonly #scopes: NamespaceScope[] = []
  /** The open elements, the stanza first; the root is none of them. */
  readonly #open: Element[] = []
  #elements = 0

  constructor(owner: ParserOwner, limits: XmlLimits, spend: (bytes: number) => void) {
    this.#owner = owner
    this.limits = limits
    this.#spend = spend
  }

  get idle(): boolean {
    return this.#open.length === 0
  }

  startTag(name: string, attributes: readonly string[], prefixed: boolean): void {
    const outer = this.#scopes.at(-1)
    if (outer === undefined) return this.#header(name, attributes, prefixed)
    const parent = this.#open.at(-1)
    if (parent === undefined) this.#elements = 0
    if (++this.#elements > this.limits.elements) throw tooMuch('too many elements')
    if (this.#open.length >= this.limits.depth) throw tooMuch('too deep')
    const tag = resolveTag(name, attributes, prefixed, outer, parent?.namespace ?? outer.default)
    if (tag.growth > 0) this.#spend(tag.growth)
    const element = new Element(tag.namespace, tag.name, tag.attributes, [])
    parent?.children.push(element)
    this.#open.push(element)
    this.#scopes.push(tag.scope)
  }

  endTag(): void {
    this.#scopes.pop()
    const element = this.#open.pop()
    if (element === undefined) this.#owner.streamClosed()
    else if (this.#open.length === 0) this.#owner.received(element)
  }

  text(text: string): void {
    const children = this.#open.at(-1)?.children
    if (children === undefined) return
    const last = children.at(-1)
    if (typeof last === 'string') children[children.length - 1] = last + text
    else children.push(text)
  }

  #header(name: string, attributes: readonly string[], prefixed: boolean): void {
    const { scope, namespace, name: local, attributes: own } =
      resolveTag(name, attributes, prefixed, new NamespaceScope(undefined, '', undefined), '')
    this.#scopes.push(scope)
    this.#owner.streamOpened(new StreamHeader(namespace, local, own, scope))
  }
}
