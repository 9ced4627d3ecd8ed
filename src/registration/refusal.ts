import { StanzaError, type StanzaCondition, type StanzaErrorDetail } from '../xmpp/stanza-error.ts'
import { RegistrationRefused, type RefusalReason } from './application.ts'

/**
 * An error of XEP-0077, which says in §9: an implementation "MUST support both old-style and new-style error handling".
 */
export function refusal(condition: keyof typeof CODES, detail: StanzaErrorDetail = {}): StanzaError {
  return new StanzaError(condition, { ...detail, code: CODES[condition] })
}

/** What the office refuses, in the words of the stream; anything else is a bug, and thrown again. */
export function refusalOf(error: unknown): StanzaError {
  if (!(error instanceof RegistrationRefused)) throw error
  const { condition, type, text = error.message } = REFUSALS[error.reason]
  return refusal(condition, type === undefined ? { text } : { text, type })
}

/** XEP-0086 §3. */
const CODES = {
  'bad-request': '400',
  conflict: '409',
  'item-not-found': '404',
  'not-acceptable': '406',
  'not-allowed': '405',
  'registration-required': '407',
  'resource-constraint': '500',
  'service-unavailable': '503',
  'unexpected-request': '400',
} as const satisfies Partial<Record<StanzaCondition, string>>

const REFUSALS: Readonly<Record<RefusalReason, { condition: keyof typeof CODES, type?: 'cancel', text?: string }>> = {
  closed: { condition: 'not-allowed' },
  'invitation-needed': { condition: 'not-allowed' },
  'invitation-void': { condition: 'not-allowed' },
  // XEP-0158 §3.1.4: an incorrect response gets not-acceptable, of type cancel: that challenge is over.
  'challenge-failed': { condition: 'not-acceptable', type: 'cancel', text: 'That was not the answer, or it came too late. Ask for another form.' },
  'name-invalid': { condition: 'not-acceptable' },
  'name-taken': { condition: 'conflict' },
  'password-weak': { condition: 'not-acceptable' },
  'password-invalid': { condition: 'not-acceptable' },
  'too-many': { condition: 'resource-constraint' },
  busy: { condition: 'resource-constraint' },
}
