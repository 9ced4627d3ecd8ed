import { malformed, XmlError } from './xml-error.ts'

export const NS_XML = 'http://www.w3.org/XML/1998/namespace'
const NS_XMLNS = 'http://www.w3.org/2000/xmlns/'

const CONTENT_NAMESPACES: ReadonlySet<string> = new Set(['jabber:client', 'jabber:server', 'jabber:component:accept'])

/**
 * Is it one of the namespaces of stanzas (RFC 6120 §4.8.3, XEP-0114 §3)? They mean the same, one on streams of clients, one
 * on those of servers, one on those of components; a stanza that goes from one to another is written for where it goes.
 */
export function isContentNamespace(namespace: string): boolean {
  return CONTENT_NAMESPACES.has(namespace)
}

/** The namespaces declared for an element and all in it (Namespaces in XML 1.0 §6). */
export class NamespaceScope {
  /** That of names without a prefix; '' where there is none. */
  readonly default: string
  readonly #prefixes: ReadonlyMap<string, string> | undefined
  readonly #outer: NamespaceScope | undefined

  constructor(outer: NamespaceScope | undefined, standard: string, prefixes: ReadonlyMap<string, string> | undefined) {
    this.default = standard
    this.#prefixes = prefixes
    this.#outer = outer
  }

  /** The namespace a prefix stands for, or undefined. `xmlns` is never bound: no element may have it. */
  of(prefix: string): string | undefined {
    if (prefix === 'xml') return NS_XML
    return this.#prefixes?.get(prefix) ?? this.#outer?.of(prefix)
  }

  /** Is the prefix declared by the very element of this scope? */
  declares(prefix: string): boolean {
    return this.#prefixes?.has(prefix) === true
  }

  /** The namespaces that this very element binds to prefixes. */
  get namespaces(): readonly string[] {
    return [...this.#prefixes?.values() ?? []]
  }
}

/** A start tag with its names resolved. */
export interface ResolvedTag {
  readonly scope: NamespaceScope
  readonly namespace: string
  readonly name: string
  /** As `Element.attrs` has them. */
  readonly attributes: Record<string, string>
  /** Bytes by which the element grows when it is written without the elements around it. */
  readonly growth: number
}

/** @throws XmlError where the tag is not namespace-well-formed (Namespaces in XML 1.0 §7) */
export function resolveTag(
  name: string, attributes: readonly string[], prefixed: boolean, outer: NamespaceScope, parent: string,
): ResolvedTag {
  return prefixed ? resolvePrefixed(name, attributes, outer, parent) : resolvePlain(name, attributes, outer, parent)
}

/** The common case: no colon anywhere. */
function resolvePlain(
  name: string, attributes: readonly string[], outer: NamespaceScope, parent: string,
): ResolvedTag {
  const own: Record<string, string> = {}
  let namespace: string | undefined
  for (let at = 0; at < attributes.length; at += 2) {
    const attribute = attributes[at] ?? ''
    const value = attributes[at + 1] ?? ''
    if (attribute === 'xmlns') {
      if (namespace !== undefined) throw malformed('an attribute twice')
      namespace = value
    } else add(own, attribute, value)
  }
  if (namespace === undefined) {
    const growth = outer.default === parent ? 0 : cost('', outer.default)
    return { scope: outer, namespace: outer.default, name, attributes: own, growth }
  }
  const scope = namespace === outer.default ? outer : new NamespaceScope(outer, checkDefault(namespace), undefined)
  return { scope, namespace, name, attributes: own, growth: 0 }
}

function resolvePrefixed(
  name: string, attributes: readonly string[], outer: NamespaceScope, parent: string,
): ResolvedTag {
  const scope = declare(attributes, outer)
  const own: Record<string, string> = {}
  const expanded: { namespace: string, local: string }[] = []
  let growth = 0
  for (let at = 0; at < attributes.length; at += 2) {
    const attribute = attributes[at] ?? ''
    const colon = attribute.indexOf(':')
    const prefix = colon < 0 ? '' : attribute.slice(0, colon)
    if (attribute === 'xmlns' || prefix === 'xmlns') continue
    if (prefix !== '' && prefix !== 'xml') {
      const namespace = bound(scope, prefix)
      const local = attribute.slice(colon + 1)
      if (expanded.some((other) => other.local === local && other.namespace === namespace)) {
        throw malformed('an attribute twice')
      }
      expanded.push({ namespace, local })
      if (!scope.declares(prefix)) growth += cost(prefix, namespace)
      own[`xmlns:${prefix}`] = namespace
    }
    add(own, attribute, attributes[at + 1] ?? '')
  }
  const colon = name.indexOf(':')
  const namespace = colon < 0 ? scope.default : bound(scope, name.slice(0, colon))
  if (colon >= 0 && isContentNamespace(namespace)) {
    throw new XmlError('bad-namespace-prefix', 'a prefix for the content namespace')
  }
  if (namespace !== parent) growth += cost('', namespace)
  return { scope, namespace, name: name.slice(colon + 1), attributes: own, growth }
}

function declare(attributes: readonly string[], outer: NamespaceScope): NamespaceScope {
  const prefixes = new Map<string, string>()
  let standard: string | undefined
  for (let at = 0; at < attributes.length; at += 2) {
    const attribute = attributes[at] ?? ''
    const value = attributes[at + 1] ?? ''
    if (attribute === 'xmlns') {
      if (standard !== undefined) throw malformed('an attribute twice')
      standard = checkDefault(value)
    } else if (attribute.startsWith('xmlns:')) {
      const prefix = attribute.slice('xmlns:'.length)
      if (prefixes.has(prefix)) throw malformed('an attribute twice')
      prefixes.set(prefix, checkPrefixed(prefix, value))
    }
  }
  if (standard === undefined && prefixes.size === 0) return outer
  return new NamespaceScope(outer, standard ?? outer.default, prefixes)
}

function bound(scope: NamespaceScope, prefix: string): string {
  const namespace = scope.of(prefix)
  if (namespace === undefined) throw malformed('a prefix without a namespace')
  return namespace
}

function add(own: Record<string, string>, attribute: string, value: string): void {
  if (own[attribute] !== undefined) {
    // It would be lost in silence: JavaScript does not make it a property of its own.
    if (attribute === '__proto__') throw new XmlError('policy-violation', 'an attribute that we cannot keep')
    if (Object.hasOwn(own, attribute)) throw malformed('an attribute twice')
  }
  own[attribute] = value
}

/** Namespaces in XML 1.0 §3: the reserved names may not be the default. */
function checkDefault(namespace: string): string {
  if (namespace === NS_XML || namespace === NS_XMLNS) throw malformed('a reserved namespace')
  return namespace
}

/** Namespaces in XML 1.0 §3 and §5: `xml` stands for one namespace only, `xmlns` for none, and a prefix never for ''. */
function checkPrefixed(prefix: string, namespace: string): string {
  if (prefix === 'xmlns' || namespace === NS_XMLNS) throw malformed('a reserved namespace')
  if ((prefix === 'xml') !== (namespace === NS_XML)) throw malformed('a reserved namespace')
  if (namespace === '') throw malformed('a prefix for no namespace')
  return namespace
}

/** Bytes, nearly: namespaces beyond ASCII are rare, and this is a bound, not a measure. */
function cost(prefix: string, namespace: string): number {
  return ' xmlns:=""'.length + prefix.length + namespace.length
}
