/** Why a stream of XML cannot go on; the names are those of RFC 6120 §4.9.3. */
export type XmlFailure =
  | 'bad-format' | 'bad-namespace-prefix' | 'not-well-formed' | 'policy-violation' | 'restricted-xml'
  | 'unsupported-encoding'

/** The peer's XML is refused. The message is a constant of ours: it never repeats what the peer wrote. */
export class XmlError extends Error {
  readonly condition: XmlFailure

  constructor(condition: XmlFailure, message: string) {
    super(message)
    this.name = 'XmlError'
    this.condition = condition
  }
}

export function malformed(message: string): XmlError {
  return new XmlError('not-well-formed', message)
}
