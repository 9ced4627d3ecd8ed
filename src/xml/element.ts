import { Element as LtxElement } from 'ltx'

/** Attributes by name as written; `xml:lang` keeps its prefix. Never holds an `xmlns`. */
export type Attributes = Readonly<Record<string, string>>
export type Node = Element | string

/**
 * An XML element with its namespace resolved: ltx's tree, made safe to share.
 *
 * Elements are immutable once built: whoever needs another attribute makes a copy (`with`). `name` is always the
 * local name and `namespace` says the rest; prefixes and `xmlns` are the serializer's business alone. An attribute
 * in a namespace (other than `xml:`) keeps its prefix in its name, and its `xmlns:prefix` stands in the same
 * element's attributes, so that every element can be moved anywhere as it is.
 */
export class Element extends LtxElement {
  /** The namespace name; '' where there is none. */
  readonly namespace: string
  declare readonly attrs: Record<string, string>
  declare readonly children: Node[]

  /** Takes ownership of `attributes` and `children`: nobody may change them afterwards. */
  constructor(namespace: string, name: string, attributes: Record<string, string>, children: Node[]) {
    super(name)
    this.namespace = namespace
    this.attrs = attributes
    this.children = children
  }

  /** The value of the attribute `name`, or undefined. */
  attribute(name: string): string | undefined {
    return this.attrs[name]
  }

  is(name: string, namespace: string): boolean {
    return this.name === name && this.namespace === namespace
  }

  /** The first child element of that name and namespace. */
  child(name: string, namespace: string): Element | undefined {
    for (const node of this.children) {
      if (typeof node !== 'string' && node.name === name && node.namespace === namespace) return node
    }
    return undefined
  }

  /** All child elements, without the text between them. */
  elements(): Element[] {
    return this.children.filter((node): node is Element => typeof node !== 'string')
  }

  /** The text directly in this element, without that of its children. */
  content(): string {
    if (this.children.length === 1 && typeof this.children[0] === 'string') return this.children[0]
    let text = ''
    for (const node of this.children) if (typeof node === 'string') text += node
    return text
  }

  /** The text of the first child of that name and namespace, or undefined where there is no such child. */
  childContent(name: string, namespace: string): string | undefined {
    return this.child(name, namespace)?.content()
  }

  /** A copy with these attributes changed (undefined removes one); the children are shared. */
  with(changes: Readonly<Record<string, string | undefined>>): Element {
    const attributes: Record<string, string> = {}
    for (const name in this.attrs) {
      // `in` would find what every object inherits: a peer may name an attribute `constructor`.
      if (!Object.hasOwn(changes, name)) attributes[name] = this.attrs[name] ?? ''
    }
    for (const name in changes) {
      const value = changes[name]
      if (value !== undefined) attributes[name] = value
    }
    return new Element(this.namespace, this.name, attributes, this.children)
  }

  /** A copy with other children; the attributes are shared. */
  withChildren(children: Node[]): Element {
    return new Element(this.namespace, this.name, this.attrs, children)
  }
}

/**
 * Builds an element from our own code. `name` and attribute names must be constants of ours, never a peer's text:
 * names are not escaped (`serialize` checks them and throws). Attributes that are undefined are left out.
 */
export function element(
  namespace: string,
  name: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: (Node | undefined)[]
): Element {
  const attrs: Record<string, string> = {}
  for (const key in attributes) {
    const value = attributes[key]
    if (value !== undefined) attrs[key] = value
  }
  return new Element(namespace, name, attrs, children.filter((node) => node !== undefined))
}
