import { element, type Element } from '../xml/element.ts'
import { NS_STANZA_ERRORS } from './namespaces.ts'
import type { Jid } from './jid.ts'

export type StanzaErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait'

/** The defined conditions of RFC 6120 §8.3.3, each with the error type that section recommends for it. */
export const STANZA_CONDITIONS = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const satisfies Record<string, StanzaErrorType>

export type StanzaCondition = keyof typeof STANZA_CONDITIONS

export interface StanzaErrorDetail {
  /** Said where the type differs from the recommended one. */
  readonly type?: StanzaErrorType
  /** A constant of ours in English; never a peer's words (RFC 6120 §8.3.2). */
  readonly text?: string
  /** The number of the condition before XMPP (XEP-0086), where a specification wants it still. */
  readonly code?: string
  /** An application-specific condition, by its own namespace. */
  readonly application?: Element
  /** What the sender's client shows in the conversation; some clients show an error only where it has a body. */
  readonly body?: string
}

/** A stanza that is refused. A value: it is returned, never thrown, on the stanza's path (RFC 6120 §8.3). */
export class StanzaError {
  readonly condition: StanzaCondition
  readonly type: StanzaErrorType
  readonly detail: StanzaErrorDetail

  constructor(condition: StanzaCondition, detail: StanzaErrorDetail = {}) {
    this.condition = condition
    this.type = detail.type ?? STANZA_CONDITIONS[condition]
    this.detail = detail
  }

  toElement(namespace: string): Element {
    const { text, application, code } = this.detail
    return element(namespace, 'error', { type: this.type, code },
      element(NS_STANZA_ERRORS, this.condition),
      text === undefined ? undefined : element(NS_STANZA_ERRORS, 'text', { 'xml:lang': 'en' }, text),
      application)
  }
}

/**
 * May this stanza be answered with an error? Never an error or a result (RFC 6120 §8.3.1: an entity "MUST NOT
 * respond to a stanza of type error"), so that no loop can start.
 */
export function mayBeAnswered(stanza: Element): boolean {
  const type = stanza.attrs['type']
  return type !== 'error' && !(stanza.name === 'iq' && type === 'result')
}

/**
 * The error stanza that answers `stanza`: the sender's id, from the address that was written to; the sender's own
 * words are never echoed (RFC 6120 §8.3.1 makes the echo optional).
 *
 * COMPAT(Profanity 0.13, 2026-11): it shows an error from a full JID in no conversation. So what is meant to be read,
 * an error with a body, comes from the bare JID; that names the conversation as well, and the id names the message.
 */
export function errorReply(stanza: Element, error: StanzaError, from: Jid, to: Jid): Element {
  const body = stanza.name === 'message' && error.detail.body !== undefined
    ? element(stanza.namespace, 'body', {}, error.detail.body)
    : undefined
  return element(stanza.namespace, stanza.name,
    { type: 'error', id: stanza.attrs['id'], from: (body === undefined ? from : from.bare).toString(), to: to.toString() },
    body, error.toElement(stanza.namespace))
}
