import { html } from '../markup.ts'
import { show } from '../page.ts'
import type { Pages } from '../web.ts'

/** What this server is, what it refuses to do, and how to connect to it. */
export const welcome: Pages = (site) => {
  site.get('/', (context) => {
    const { domain } = context.env.visit.site
    return show(context, { place: '/', main: html`<h1>${domain.name}</h1>` })
  })
}
