import type { Element } from '../xml/element.ts'
import type { XmlLimits } from '../xml/limits.ts'
import { StreamParser, type ParserOwner } from '../xml/parser.ts'
import { serialize } from '../xml/serialize.ts'
import { STREAM_END, streamHeader, type HeaderFields } from '../xmpp/stream-header.ts'

/** How a stream is laid out on its connection. Whatever is above a stream knows nothing of it. */
export interface Framing {
  /** Reads what comes from one header to the next. */
  reader(owner: ParserOwner, limits: XmlLimits): StreamReader
  header(fields: HeaderFields): string
  /** A first-level element of a stream with that content namespace. */
  element(element: Element, contentNamespace: string): string
  readonly end: string
}

export interface StreamReader {
  /** @throws XmlError, StreamError, and whatever the owner throws */
  write(chunk: Uint8Array): void
  setLimits(limits: XmlLimits): void
  /** Reads nothing more; the number of bytes that had come already. */
  stop(): number
}

/** Two XML documents that grow, one in each direction (RFC 6120 §4). */
export const DOCUMENTS: Framing = {
  reader: (owner, limits) => new StreamParser(owner, limits),
  header: streamHeader,
  element: serialize,
  end: STREAM_END,
}
