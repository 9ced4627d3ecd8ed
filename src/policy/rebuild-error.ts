import { ERROR_PREFIX, readError } from '../otr/error-text.ts'
import type { Envelope } from '../routing/envelope.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_CLIENT, NS_STANZA_ERRORS } from '../xmpp/namespaces.ts'
import { STANZA_CONDITIONS, StanzaError, type StanzaCondition, type StanzaErrorType } from '../xmpp/stanza-error.ts'
import { rebuild } from './shapes.ts'

const TYPES: readonly string[] = ['auth', 'cancel', 'continue', 'modify', 'wait'] satisfies StanzaErrorType[]

/**
 * A stanza of type error with nothing of its own but id, condition and type. RFC 6120 §8.3.1 lets an error echo the
 * stanza that caused it, and its text is free: both could carry anything.
 */
export function rebuildError(envelope: Envelope): Element {
  const error = envelope.element.child('error', NS_CLIENT)
  const condition = error === undefined ? undefined : conditionOf(error)
  const rebuilt = new StanzaError(condition ?? 'undefined-condition')
  const type = error?.attrs['type'] ?? ''
  return rebuild(envelope, 'error', element(NS_CLIENT, 'error', { type: TYPES.includes(type) ? type : rebuilt.type },
    element(NS_STANZA_ERRORS, rebuilt.condition), otrError(error)))
}

function conditionOf(error: Element): StanzaCondition | undefined {
  for (const { namespace, name } of error.elements()) {
    if (namespace === NS_STANZA_ERRORS && isCondition(name)) return name
  }
  return undefined
}

function isCondition(name: string): name is StanzaCondition {
  return Object.hasOwn(STANZA_CONDITIONS, name)
}

/** COMPAT(Conversations, before 2.0): it sends OTR errors as the text of a stanza error. */
function otrError(error: Element | undefined): Element | undefined {
  const text = error?.childContent('text', NS_STANZA_ERRORS) ?? ''
  return text.startsWith(ERROR_PREFIX) ? element(NS_STANZA_ERRORS, 'text', {}, readError(text).canonical) : undefined
}
