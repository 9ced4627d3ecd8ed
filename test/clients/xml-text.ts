import { StringDecoder } from 'node:string_decoder'
import { SaxesParser, type SaxesAttributeNS } from 'saxes'
import { Element, type Node } from '../../src/xml/element.ts'

const NS_XMLNS = 'http://www.w3.org/2000/xmlns/'

export interface ReaderEvents {
  /** The opening tag of the stream, without children. */
  opened(header: Element): void
  /** A complete first-level child of the stream. */
  element(element: Element): void
  /** The closing tag of the stream. */
  closed(): void
}

interface OpenElement {
  readonly namespace: string
  readonly name: string
  readonly attributes: Record<string, string>
  readonly children: Node[]
}

/**
 * Bytes of one XML stream in, elements out. It is saxes and not the server's own parser, on purpose: a test that
 * read with the code it tests would forgive what both of them get wrong.
 */
export class XmlReader {
  readonly #decoder = new StringDecoder('utf8')
  readonly #parser = new SaxesParser({ xmlns: true })
  readonly #open: OpenElement[] = []
  #depth = 0

  constructor(events: ReaderEvents) {
    this.#parser.on('error', (error) => { throw error })
    this.#parser.on('opentag', ({ local, uri, attributes }) => {
      const opened = { namespace: uri, name: local, attributes: plain(attributes), children: [] }
      this.#depth += 1
      if (this.#depth === 1) events.opened(finished(opened))
      else this.#open.push(opened)
    })
    this.#parser.on('text', (text) => { this.#open.at(-1)?.children.push(text) })
    this.#parser.on('cdata', (text) => { this.#open.at(-1)?.children.push(text) })
    this.#parser.on('closetag', () => {
      this.#depth -= 1
      const closed = this.#open.pop()
      if (closed === undefined) return events.closed()
      const parent = this.#open.at(-1)
      if (parent === undefined) events.element(finished(closed))
      else parent.children.push(finished(closed))
    })
  }

  /** @throws Error where the bytes are not well-formed */
  read(bytes: Buffer): void {
    this.#parser.write(this.#decoder.write(bytes))
  }
}

/** An element as text, inside a parent of `around`'s namespace. */
export function text(element: Element, around = ''): string {
  let tag = `<${element.name}`
  if (element.namespace !== around) tag += ` xmlns='${escaped(element.namespace)}'`
  for (const [name, value] of Object.entries(element.attrs)) tag += ` ${name}='${escaped(value)}'`
  if (element.children.length === 0) return `${tag}/>`
  let inside = ''
  for (const node of element.children) {
    inside += typeof node === 'string' ? escaped(node) : text(node, element.namespace)
  }
  return `${tag}>${inside}</${element.name}>`
}

/** Character data or an attribute's value, safe between any tags and quotes. */
export function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
    .replaceAll('\'', '&apos;').replaceAll('"', '&quot;')
}

function finished({ namespace, name, attributes, children }: OpenElement): Element {
  return new Element(namespace, name, attributes, children)
}

/** Attributes as `Element` wants them: no `xmlns`, and a foreign prefix declared beside its attribute. */
function plain(attributes: Readonly<Record<string, SaxesAttributeNS>>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const { name, prefix, uri, value } of Object.values(attributes)) {
    if (uri === NS_XMLNS) continue
    kept[name] = value
    if (prefix !== '' && prefix !== 'xml') kept[`xmlns:${prefix}`] = uri
  }
  return kept
}
