import { XmlError, malformed } from './xml-error.ts'

const SPACE = '[ \\t\\r\\n]'
const EQUALS = `${SPACE}*=${SPACE}*`
const DECLARATION = new RegExp(`^<\\?xml${SPACE}+version${EQUALS}(["'])([\\w.:-]+)\\1` +
  `(?:${SPACE}+encoding${EQUALS}(["'])([A-Za-z][\\w.-]*)\\3)?` +
  `(?:${SPACE}+standalone${EQUALS}(["'])(?:yes|no)\\5)?${SPACE}*\\?>$`)

/** Code units of an XML declaration at most; a common one has 38. It also keeps the expression's work small. */
export const LONGEST_DECLARATION = 256

/**
 * Checks an XML declaration (XML 1.0 §2.8): version 1.0 and UTF-8 only (RFC 6120 §11.6, §11.8). A standalone
 * declaration is ignored, as §11.5 allows.
 *
 * @throws XmlError
 */
export function checkDeclaration(text: string): void {
  const parts = text.length > LONGEST_DECLARATION ? null : DECLARATION.exec(text)
  if (parts === null) throw malformed('a broken XML declaration')
  const [, , version, , encoding] = parts
  if (version !== '1.0') throw new XmlError('restricted-xml', 'XML of another version than 1.0')
  if (encoding !== undefined && encoding.toUpperCase() !== 'UTF-8') {
    throw new XmlError('unsupported-encoding', 'another encoding than UTF-8')
  }
}
