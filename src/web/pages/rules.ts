import { html } from '../markup.ts'
import { show } from '../page.ts'
import type { Pages } from '../premises.ts'

/** The operator's rules, in their own words, and the look that they chose. */
export const rules: Pages = (app, { texts }) => {
  app.get('/rules', (context) => show(context, {
    title: 'Rules', place: '/rules', main: html`
<h1>Rules</h1>
${texts.page(context.env.visit.site.domain, 'rules.md') ?? html`<p class="lead">The operator of this server wrote down no rules of their own.</p>
<p>What it does and does not do by itself says the <a href="/policy">policy</a>.</p>`}`,
  }))
  app.get('/colors.css', (context) => context.body(texts.colors(context.env.visit.site.domain), 200, {
    'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=300',
  }))
}
