import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { html } from '../markup.ts'
import { show, type PageContext } from '../page.ts'

const PROBLEMS = {
  404: ['There is no such page', 'It may have moved, or never been here.'],
  500: ['Something went wrong', 'It was our fault, and it was written down without anything about you. Try again in a while.'],
} as const satisfies Partial<Record<ContentfulStatusCode, readonly [string, string]>>

/** A page that says why there is none. */
export function problem(context: PageContext, status: keyof typeof PROBLEMS): Response {
  const [title, text] = PROBLEMS[status]
  return show(context, { title, main: html`<h1>${title}</h1>
<p class="lead">${text}</p>
<p><a href="/">To the first page</a></p>` }, status)
}
