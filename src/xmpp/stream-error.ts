import { element, type Element } from '../xml/element.ts'
import { NS_STREAM, NS_STREAM_ERRORS } from './namespaces.ts'

/** The conditions of RFC 6120 §4.9.3. */
export type StreamCondition =
  | 'bad-format' | 'bad-namespace-prefix' | 'conflict' | 'connection-timeout' | 'host-gone' | 'host-unknown'
  | 'improper-addressing' | 'internal-server-error' | 'invalid-from' | 'invalid-namespace' | 'invalid-xml'
  | 'not-authorized' | 'not-well-formed' | 'policy-violation' | 'remote-connection-failed' | 'reset'
  | 'resource-constraint' | 'restricted-xml' | 'see-other-host' | 'system-shutdown' | 'undefined-condition'
  | 'unsupported-encoding' | 'unsupported-feature' | 'unsupported-stanza-type' | 'unsupported-version'

/**
 * The stream cannot go on: sent to the peer, then the stream is closed (RFC 6120 §4.9.1.1: stream errors are
 * unrecoverable). Thrown in stream/ and above, caught in one place, stream/stream.ts.
 */
export class StreamError extends Error {
  readonly condition: StreamCondition
  /** Sent to the peer; a constant of ours. */
  readonly text: string | undefined
  /** A condition of the extension that is broken (RFC 6120 §4.9.4). */
  readonly specific: Element | undefined

  constructor(condition: StreamCondition, text?: string, specific?: Element) {
    super(text === undefined ? condition : `${condition}: ${text}`)
    this.name = 'StreamError'
    this.condition = condition
    this.text = text
    this.specific = specific
  }

  toElement(): Element {
    return element(NS_STREAM, 'error', {},
      element(NS_STREAM_ERRORS, this.condition),
      this.text === undefined ? undefined : element(NS_STREAM_ERRORS, 'text', { 'xml:lang': 'en' }, this.text),
      this.specific)
  }
}
