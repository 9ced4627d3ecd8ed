import { isCharacterData } from './characters.ts'
import type { Element } from './element.ts'
import { isLocalName } from './names.ts'
import { isContentNamespace, NS_XML } from './namespaces.ts'

const NS_STREAM = 'http://etherx.jabber.org/streams'
const NS_SERVER = 'jabber:server'
const NS_DIALBACK = 'jabber:server:dialback'

/** What cannot stand in text as it is. Half of a surrogate pair is in question wherever there is a pair. */
const UNSAFE_TEXT = /[\x00-\x08\x0b-\x1f&<>\ud800-\udfff\ufffe\uffff]/
const UNSAFE_VALUE = /[\x00-\x1f&<>"'\ud800-\udfff\ufffe\uffff]/
const COMMON_NAME = /^[A-Za-z_][\w.-]*$/

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&apos;', '\t': '&#9;', '\n': '&#10;', '\r': '&#13;',
}

/**
 * Writes an element as XML for a stream (or a frame, or a file) in which `context` is the default namespace: the
 * content namespace of the stream's header, or '' where nothing is declared and the text must stand alone.
 *
 * A namespace is declared only where it changes. The content namespaces are one here: a stanza is written for the
 * stream it goes to ("re-scoped", RFC 6120 §4.8.3). A first-level element in the stream namespace is written with the
 * prefix `stream`, which every header of ours declares (RFC 6120 §4.8.5); with the context '' it declares it itself.
 *
 * COMPAT(ejabberd 23.01): it knows dialback by the prefix `db` alone, which headers between servers declare (XEP-0220 §2).
 *
 * @throws TypeError where the element holds what XML cannot carry: a control character, half of a surrogate pair, a
 * name that is none, a prefix without its declaration. It is our mistake then, as the parser lets none of them in.
 */
export function serialize(element: Element, context: string): string {
  if (element.namespace === NS_DIALBACK && context === NS_SERVER && element.attrs['xmlns:db'] === undefined) {
    return writeAs(`db:${checkName(element.name)}`, '', element, context)
  }
  if (element.namespace !== NS_STREAM || element.attrs['xmlns:stream'] !== undefined) return write(element, context)
  const declaration = context === '' ? ` xmlns:stream='${NS_STREAM}'` : ''
  return writeAs(`stream:${checkName(element.name)}`, declaration, element, context)
}

function write(element: Element, scope: string): string {
  const { namespace } = element
  const name = checkName(element.name)
  if (namespace === scope || isContentNamespace(namespace) && isContentNamespace(scope)) {
    return writeAs(name, '', element, scope)
  }
  // Namespaces in XML 1.0 §3: this one must never be the default.
  if (namespace === NS_XML) return writeAs(`xml:${name}`, '', element, scope)
  return writeAs(name, ` xmlns='${escapeValue(namespace)}'`, element, namespace)
}

function writeAs(tag: string, declaration: string, element: Element, scope: string): string {
  let text = `<${tag}${declaration}`
  const { attrs, children } = element
  for (const name in attrs) {
    const value = attrs[name] ?? ''
    text += ` ${checkAttribute(name, attrs)}='${UNSAFE_VALUE.test(value) ? escapeValue(value) : value}'`
  }
  if (children.length === 0) return `${text}/>`
  text += '>'
  for (const child of children) {
    if (typeof child !== 'string') text += write(child, scope)
    else text += UNSAFE_TEXT.test(child) ? escapeText(child) : child
  }
  return `${text}</${tag}>`
}

/** Text between tags; `>` too, as `]]>` must not stand there. */
export function escapeText(text: string): string {
  return checkCharacters(text).replace(/[&<>\r]/g, (character) => ESCAPES[character] ?? character)
}

/** An attribute's value, for either quote. White space other than spaces would be lost on the way (XML 1.0 §3.3.3). */
export function escapeValue(text: string): string {
  return checkCharacters(text).replace(/[&<>"'\t\n\r]/g, (character) => ESCAPES[character] ?? character)
}

function checkCharacters(text: string): string {
  if (!isCharacterData(text)) throw new TypeError('text with a character that XML does not allow')
  return text
}

function checkName(name: string): string {
  if (!COMMON_NAME.test(name) && !isLocalName(name)) throw new TypeError('an element whose name is none')
  return name
}

function checkAttribute(name: string, attrs: Readonly<Record<string, string>>): string {
  if (COMMON_NAME.test(name) && name !== 'xmlns') return name
  const colon = name.indexOf(':')
  const prefix = name.slice(0, Math.max(colon, 0))
  if (!isLocalName(name.slice(colon + 1)) || colon === 0 || name === 'xmlns') {
    throw new TypeError('an attribute whose name is none')
  }
  if (colon > 0 && prefix !== 'xml' && prefix !== 'xmlns' && attrs[`xmlns:${prefix}`] === undefined) {
    throw new TypeError('an attribute whose prefix is not declared with it')
  }
  return name
}
