import { Element, type Node } from '../xml/element.ts'
import { isContentNamespace } from '../xml/namespaces.ts'
import { NS_CLIENT } from './namespaces.ts'

/**
 * The stanza as a client would have sent it: 'jabber:server' and 'jabber:component:accept' become 'jabber:client' at every
 * depth (RFC 6120 §4.8.3), so that policy sees one kind of body, and nobody can hide another behind another namespace.
 * What holds none of them is shared, not copied.
 */
export function inClientNamespace(element: Element): Element {
  const children = withinClientNamespace(element.children)
  const isOther = element.namespace !== NS_CLIENT && isContentNamespace(element.namespace)
  if (!isOther && children === element.children) return element
  return new Element(isOther ? NS_CLIENT : element.namespace, element.name, element.attrs, children)
}

function withinClientNamespace(children: Node[]): Node[] {
  let changed = false
  const result = children.map((node) => {
    if (typeof node === 'string') return node
    const child = inClientNamespace(node)
    changed ||= child !== node
    return child
  })
  return changed ? result : children
}
