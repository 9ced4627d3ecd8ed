import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { RegistrationRefused, type RefusalReason } from '../../registration/application.ts'
import { clientList, overTor } from '../clients.ts'
import { alert, field, type Form } from '../form.ts'
import { html, type Markup } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Premises } from '../premises.ts'
import { waysTo } from '../ways.ts'

/** Why a form comes back, in words for whoever sent it. */
export interface Objection {
  readonly message: string
  readonly status: ContentfulStatusCode
  /** What it is about; undefined: the form as a whole. */
  readonly field: 'name' | 'password' | 'again' | 'answer' | undefined
}

const UNTRUSTED: Objection = {
  message: 'This form was open for too long, or came by another way than this. Here is a new one.', status: 403, field: undefined,
}
const UNEQUAL: Objection = { message: 'The two passwords differ.', status: 422, field: 'again' }

const FIELDS: Readonly<Partial<Record<RefusalReason, Objection['field']>>> = {
  'challenge-failed': 'answer', 'name-invalid': 'name', 'name-taken': 'name', 'password-weak': 'password', 'password-invalid': 'password',
}
const STATUS: Readonly<Partial<Record<RefusalReason, ContentfulStatusCode>>> = {
  closed: 403, 'invitation-needed': 403, 'invitation-void': 404, 'too-many': 429, busy: 503,
}

/** What is wrong with a form before anybody is asked; `isOurs`: it was given out by us, to this visitor. */
export function formObjection(form: Form, isOurs: boolean): Objection | undefined {
  if (!isOurs) return UNTRUSTED
  return form.get('password') === form.get('again') ? undefined : UNEQUAL
}

/** Of a refused registration. @throws anything else again: it is a bug */
export function objectionOf(error: unknown): Objection {
  if (!(error instanceof RegistrationRefused)) throw error
  return { message: error.message, status: STATUS[error.reason] ?? 422, field: FIELDS[error.reason] }
}

/** The fields that every application has, with what was wrong in them. Passwords have to be typed again always. */
export function accountFields({ name = '', objection, domain, givenName }: {
  readonly name?: string, readonly objection: Objection | undefined, readonly domain: string
  /** An invitation may give this name and no other. */
  readonly givenName?: string | undefined
}): Markup {
  const errorOf = (about: Objection['field']): string | undefined => objection?.field === about ? objection?.message : undefined
  return html`${alert(objection !== undefined && objection.field === undefined ? objection.message : undefined)}
${givenName === undefined ? field({
    name: 'name', label: 'Name', value: name.slice(0, 64), error: errorOf('name'), autocomplete: 'username', maxlength: 64,
    hint: html`Others write to you at <code>name@${domain}</code>. Small letters, digits, dot, hyphen and underscore.`,
  }) : html`<input type="hidden" name="name" value="${givenName}"><p>Your address will be <code>${givenName}@${domain}</code>.</p>${
    errorOf('name') === undefined ? '' : html`<p class="error">${errorOf('name')}</p>`}`}
${field({
    name: 'password', label: 'Password', type: 'password', error: errorOf('password'), autocomplete: 'new-password',
    hint: 'Several words that nobody else would put together. Nobody can give it back to you, so keep it safe.',
  })}
${field({ name: 'again', label: 'Password, once more', type: 'password', error: errorOf('again'), autocomplete: 'new-password' })}`
}

/** What to do with an account that was just made. */
export function madePage(context: PageContext, { config }: Premises, account: string): Response {
  const ways = waysTo(context.env.visit.site, config)
  return show(context, { title: 'Your account', main: html`
<h1>Your account is there</h1>
<p class="lead">Give this address to those who shall find you.</p>
<p class="address" id="account">${account}</p>
<h2>What comes next</h2>
<ol>
<li>Set up a client that speaks OTR; see below.</li>
<li>Add somebody, and wait until they let you see them: nothing waits here for those who are away.</li>
<li>Start the private conversation, and compare your fingerprints by another way, once. Then nobody is between you, this
server included.</li>
</ol>
<h2 id="connect">Connect</h2>
${overTor(html`<code>${account}</code>`, ways)}
${ways.onion === undefined ? '' : html`<p class="address" id="onion">${ways.onion}</p>`}
${clientList(account, ways)}` })
}
