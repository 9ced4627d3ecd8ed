import { Element, type Node } from '../xml/element.ts'
import { NS_CLIENT, NS_SERVER } from '../xmpp/namespaces.ts'

/**
 * The stanza as a client would have sent it: 'jabber:server' becomes 'jabber:client' at every depth (RFC 6120 §4.8.3),
 * so that policy sees one kind of body, and nobody can hide another behind the other namespace. What holds none of it
 * is shared, not copied.
 */
export function inClientNamespace(element: Element): Element {
  const children = withinClientNamespace(element.children)
  const isServers = element.namespace === NS_SERVER
  if (!isServers && children === element.children) return element
  return new Element(isServers ? NS_CLIENT : element.namespace, element.name, element.attrs, children)
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
