import { isSpace } from './characters.ts'
import { checkDeclaration, LONGEST_DECLARATION } from './declaration.ts'
import type { Element } from './element.ts'
import type { XmlLimits } from './limits.ts'
import { StreamParser } from './parser.ts'
import { malformed, XmlError } from './xml-error.ts'

const LESS = 0x3c
const DECLARATION = '<?xml'
/** Around the element of a message; it declares nothing. */
const ROOT = Buffer.from('<message>')

/**
 * Reads a message of a WebSocket: a document of one element (RFC 7395 §3.3.3), as strictly as a stream, and within the
 * limits of a stanza. What is said in it holds in it alone.
 *
 * @throws XmlError
 */
export function readMessage(message: Uint8Array, limits: XmlLimits): Element {
  // §3.3.3: "The first character of each frame MUST be a '<' character."
  if (message[0] !== LESS) throw new XmlError('bad-format', 'a message that does not begin with an element')
  let isClosed = false
  const found: Element[] = []
  const parser = new StreamParser({
    streamOpened: () => {},
    received: (element) => { found.push(element) },
    streamClosed: () => { isClosed = true },
  }, limits)
  parser.write(ROOT)
  parser.write(message.subarray(declarationEnd(message)))
  const [element] = found
  if (element === undefined || found.length > 1 || isClosed || !parser.idle) throw malformed('a message that is not one element')
  return element
}

/** §3.3.3: an XML declaration is "NOT RECOMMENDED", so it may be there. */
function declarationEnd(message: Uint8Array): number {
  const start = Buffer.from(message.subarray(0, LONGEST_DECLARATION)).toString('latin1')
  if (!start.startsWith(DECLARATION) || !isSpace(start.charCodeAt(DECLARATION.length))) return 0
  const end = start.indexOf('>') + 1
  checkDeclaration(start.slice(0, end))
  return end
}
