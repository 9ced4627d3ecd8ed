import { element, type Element, type Node } from '../xml/element.ts'
import type { Envelope } from '../routing/envelope.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { matching } from '../xmpp/shapes.ts'

/** Longest known id of a client: Profanity's, 56 characters. */
const IDENTIFIER = /^[!-~]{1,128}$/
/** BCP 47, as far as people use it. */
const LANGUAGE = /^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,3}$/
/** XEP-0082 §3.2. */
const DATE_TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$/

/**
 * A stanza with nothing of the one that came but its addresses and, where they have their usual shape, its id and
 * its language: both are a client's own choice, so what does not look like one is left out.
 */
export function rebuild(envelope: Envelope, type: string | undefined, ...children: (Node | undefined)[]): Element {
  const { attrs } = envelope.element
  return element(NS_CLIENT, envelope.kind, {
    type,
    id: identifier(attrs['id']),
    from: envelope.from.toString(),
    to: envelope.directed ? envelope.to.toString() : undefined,
    'xml:lang': language(attrs['xml:lang']),
  }, ...children)
}

/** An element without attributes and content; undefined where it has content. */
export function mere(child: Element): Element | undefined {
  return child.children.length === 0 ? element(child.namespace, child.name) : undefined
}

export function identifier(value: string | undefined): string | undefined {
  return matching(IDENTIFIER, value)
}

export function language(value: string | undefined): string | undefined {
  return matching(LANGUAGE, value)
}

export function dateTime(value: string | undefined): string | undefined {
  return matching(DATE_TIME, value)
}
