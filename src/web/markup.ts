import { html as template, raw } from 'hono/html'
import type { HtmlEscapedString } from 'hono/utils/html'

/** HTML in which everything that came from outside is escaped. */
export type Markup = HtmlEscapedString

/** What may stand in a template; text is escaped, and nothing is left out but `undefined`. */
export type Content = string | number | undefined | readonly Content[]

/** A template of HTML: html`<p>${text}</p>`. Attributes are in double quotes always. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const made = template(strings, ...contents)
  if (made instanceof Promise) throw new Error('no content is a promise') // by the type of contents
  return made
}

/** HTML that a library made for us, which escaped it. */
export function trusted(text: string): Markup {
  return raw(text)
}
