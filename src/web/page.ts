import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { html, type Markup } from './markup.ts'
import type { Visit } from './site.ts'

/** What Hono's handlers get with each request. */
export interface PageEnvironment {
  readonly Bindings: HttpBindings & { readonly visit: Visit }
}

export type PageContext = Context<PageEnvironment>

export interface Page {
  /** Of the window, before the domain's name. */
  readonly title?: string
  /** The path of the entry in the navigation that this page is under. */
  readonly place?: string
  readonly main: Markup
}

const NAVIGATION = [
  ['/', 'This server'],
  ['/register', 'Get an account'],
  ['/rules', 'Rules'],
  ['/policy', 'Policy'],
] as const

/** Answers with the page, in the frame that all pages have. */
export function show(context: PageContext, page: Page, status: ContentfulStatusCode = 200): Response {
  return context.html(frame(page, context.env.visit), status)
}

function frame({ title, place, main }: Page, { site: { domain: { name } } }: Visit): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title === undefined ? '' : `${title} · `}${name}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css">
<link rel="stylesheet" href="/colors.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
  <a class="mark" href="/"${place === '/' ? html` aria-current="page"` : ''}><span class="quiet" aria-hidden="true">p</span><span class="name">${shortened(name)}</span></a>
  <nav aria-label="Pages">
    <ul>${NAVIGATION.map(([path, text]) => html`
      <li><a href="${path}"${path === place ? html` aria-current="page"` : ''}>${text}</a></li>`)}
    </ul>
  </nav>
</header>
<main id="main">
${main}
</main>
<footer class="bottom">
  <p>These pages need no JavaScript, set no cookie before you sign in, and load nothing from anywhere else.</p>
</footer>
</body>
</html>
`
}

/** Onion addresses are for copying; where they are only a name, their beginning is enough. */
function shortened(name: string): string {
  return name.endsWith('.onion') ? `${name.slice(0, 8)}….onion` : name
}
