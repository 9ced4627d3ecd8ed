import type { Context } from 'hono'
import type { PageEnvironment } from './page.ts'
import { html, type Content, type Markup } from './markup.ts'

/** More fields than any form of ours has. */
const MOST_FIELDS = 32

/** What was sent. Where a field is missing, or stands twice, it is ''. */
export interface Form {
  get(name: string): string
}

/** Reads a form whose size and type the gate has judged. */
export async function readForm(context: Context<PageEnvironment>): Promise<Form> {
  const fields = [...new URLSearchParams(await context.req.text())].slice(0, MOST_FIELDS)
  return {
    get: (name) => {
      const [value, ...more] = fields.filter(([field]) => field === name)
      return value === undefined || more.length > 0 ? '' : value[1]
    },
  }
}

/**
 * May this form be acted on, by what the browser says of where it was sent from? Our own pages send no referrer, so their
 * forms come with an Origin of null; browsers that know Sec-Fetch-Site tell the truth there.
 */
export function isFromHere(context: Context<PageEnvironment>): boolean {
  const origin = context.req.header('origin') ?? 'null'
  const from = context.req.header('sec-fetch-site') ?? 'same-origin'
  const { site } = context.env.visit
  const own = `${site.kind === 'onion' ? 'http' : 'https'}://${(context.req.header('host') ?? '').toLowerCase()}`
  return (origin === 'null' || origin.toLowerCase() === own) && (from === 'same-origin' || from === 'none')
}

export interface Field {
  /** Of the form, and of the element that it is typed into. */
  readonly name: string
  readonly label: string
  readonly type?: 'text' | 'password'
  readonly value?: string
  /** Said below it, and by screen readers with it. */
  readonly hint?: Content
  readonly error?: string | undefined
  /** The identifier of what else has to be read before it is filled in. */
  readonly describedBy?: string
  readonly autocomplete: string
  /** Drawn to the right of what is typed. */
  readonly suffix?: string
  readonly maxlength?: number
}

/** A labelled field; what is wrong with it, and what may help, is tied to it by aria-describedby. */
export function field({ name, label, type = 'text', value = '', hint, error, describedBy = '', autocomplete, suffix, maxlength = 1024 }: Field): Markup {
  const described = [error === undefined ? '' : `${name}-error`, describedBy, hint === undefined ? '' : `${name}-hint`].filter((id) => id !== '').join(' ')
  const input = html`<input id="${name}" name="${name}" type="${type}" value="${value}" autocomplete="${autocomplete}"
    maxlength="${maxlength}" autocapitalize="none" spellcheck="false" required${described === '' ? '' : html` aria-describedby="${described}"`}${error === undefined ? '' : html` aria-invalid="true"`}>`
  return html`<div class="field">
  <label for="${name}">${label}</label>
  ${error === undefined ? '' : html`<p class="error" id="${name}-error">${error}</p>`}
  ${suffix === undefined ? input : html`<div class="joined">${input}<span class="suffix">${suffix}</span></div>`}
  ${hint === undefined ? '' : html`<p class="hint" id="${name}-hint">${hint}</p>`}
</div>`
}

/** What the page must say first where a form was not taken; it is read out at once. */
export function alert(text: string | undefined): Markup {
  return text === undefined ? html`` : html`<p class="alert" role="alert" id="form-error">${text}</p>`
}
