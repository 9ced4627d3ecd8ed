import type { Element } from '../../src/xml/element.ts'
import type { XmlLimits } from '../../src/xml/limits.ts'
import { StreamParser, type ParserOwner, type StreamHeader } from '../../src/xml/parser.ts'
import { XmlError } from '../../src/xml/xml-error.ts'

export const LIMITS: XmlLimits = {
  header: 8192, stanza: 262_144, depth: 64, attributes: 64, elements: 4096, name: 256, startTag: 65_536,
}

export const HEADER = '<?xml version=\'1.0\'?><stream:stream to=\'capulet.lit\' version=\'1.0\' xmlns=\'jabber:client\' ' +
  'xmlns:stream=\'http://etherx.jabber.org/streams\'>'

/** An element as plain data: [namespace, name, attributes, ...children]. */
export type Plain = [string, string, Record<string, string>, ...(Plain | string)[]]

export function plain(element: Element): Plain {
  return [element.namespace, element.name, element.attrs,
    ...element.children.map((node) => typeof node === 'string' ? node : plain(node))]
}

/** What a parser made of a stream. */
export class Recorder implements ParserOwner {
  header: StreamHeader | undefined
  readonly elements: Element[] = []
  closed = false
  /** The condition of the XmlError that ended it. */
  failure: string | undefined
  readonly parser: StreamParser

  constructor(limits: XmlLimits = LIMITS) {
    this.parser = new StreamParser(this, limits)
  }

  streamOpened(header: StreamHeader): void {
    this.header = header
  }

  received(element: Element): void {
    this.elements.push(element)
  }

  streamClosed(): void {
    this.closed = true
  }

  /** Writes until something is wrong. */
  write(...chunks: readonly Uint8Array[]): this {
    for (const chunk of chunks) {
      if (this.failure !== undefined) return this
      try {
        this.parser.write(chunk)
      } catch (error) {
        if (!(error instanceof XmlError)) throw error
        this.failure = error.condition
      }
    }
    return this
  }

  get outcome(): unknown {
    return {
      header: this.header && [plain(this.header), this.header.contentNamespace],
      elements: this.elements.map(plain),
      closed: this.closed,
      failure: this.failure,
      idle: this.parser.idle,
    }
  }
}

/** The same bytes whole, byte by byte, and cut in two at every boundary. */
export function* cuts(bytes: Uint8Array): Generator<readonly Uint8Array[]> {
  yield [bytes]
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  for (let at = 1; at < bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
}
