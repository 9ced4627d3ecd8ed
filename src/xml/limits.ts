import { XmlError } from './xml-error.ts'

/** What a peer may send at most. Bytes are those of UTF-8 on the wire. */
export interface XmlLimits {
  /** Bytes until the stream's start tag is complete, the XML declaration included. */
  readonly header: number
  /** Bytes of a stanza or any other first-level element. Prefixes count as if their namespaces were written out. */
  readonly stanza: number
  /** Elements inside one another; the stanza itself is the first. */
  readonly depth: number
  /** Attributes of an element, namespace declarations included. */
  readonly attributes: number
  /** Elements of a stanza, itself included. */
  readonly elements: number
  /** Code units of a name, prefix included. */
  readonly name: number
  /** Bytes of a start tag. */
  readonly startTag: number
}

/** A limit is exceeded (RFC 6120 §4.9.3.14). */
export function tooMuch(message: string): XmlError {
  return new XmlError('policy-violation', message)
}
