import { IDLE_MILLISECONDS } from '../../registration/sign-ins.ts'
import { html, type Content, type Markup } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Pages, Premises } from '../premises.ts'
import { ownerOf, ownToken, readOwnForm, type Owner } from '../signed-in.ts'
import { SIGN_OUT, signInPage } from './sign-in.ts'

const SESSIONS = 'sessions'
const DATA = 'data'

/** What is held of an account, who is there in its name, and all of it as a file. */
export const account: Pages = (app, premises) => {
  const { accounts } = premises
  app.get('/account', (context) => {
    const owner = ownerOf(context, accounts.signIns)
    return owner === undefined ? signInPage(context, premises) : overview(context, premises, owner)
  })
  app.post('/account/sessions', async (context) => {
    const owner = ownerOf(context, accounts.signIns)
    if (owner === undefined) return signInPage(context, premises)
    const form = await readOwnForm(premises, context, SESSIONS, owner)
    if (form === undefined) return overview(context, premises, owner)
    if (form.get('all') !== '') await accounts.endSessions(owner.account, { signIn: owner.secret })
    else accounts.endSession(owner.account, form.get('client'))
    return context.redirect('/account', 303)
  })
  // Asked for by a form, so that no other site can have a browser fetch it.
  app.post('/account/data', async (context) => {
    const owner = ownerOf(context, accounts.signIns)
    if (owner === undefined) return signInPage(context, premises)
    if (await readOwnForm(premises, context, DATA, owner) === undefined) return overview(context, premises, owner)
    return context.body(accounts.document(owner.account), 200, {
      'Content-Type': 'application/xml; charset=utf-8',
      // A name is letters, digits, dot, hyphen and underscore.
      'Content-Disposition': `attachment; filename="${owner.account.local}.xml"`,
    })
  })
}

function overview(context: PageContext, premises: Premises, owner: Owner): Response {
  const { account: { local, domain } } = owner
  const { created, rows } = premises.accounts.summary(owner.account)
  return show(context, { title: 'Your account', place: '/account', main: html`
<h1>${local}</h1>
<p class="lead">You are signed in, until you sign out or click nothing for ${IDLE_MILLISECONDS / 60_000} minutes.</p>
<form method="post" action="/sign-out" class="inline"><input type="hidden" name="token" value="${ownToken(premises, context, SIGN_OUT, owner)}">
<button type="submit" class="second">Sign out</button></form>
<h2 id="held">What is kept of you</h2>
<dl class="facts">
${fact('Address', html`<code>${local}@${domain}</code>`)}
${fact('Made on', created)}
${fact('Password', 'Only what it takes to check it, sealed under a key that is not in the database.')}
${heldOf(rows)}
</dl>
<p>No message, no time of a login and no address that you came from is among it. The file has all of it, word by word; it names
your contacts, so keep it as you keep your letters. Other servers can take your contacts over from it (XEP-0227).</p>
<form method="post" action="/account/data" class="inline" id="data"><input type="hidden" name="token" value="${ownToken(premises, context, DATA, owner)}">
<button type="submit">Download all of it</button></form>
<h2 id="sessions">Who is there in your name</h2>
${sessions(context, premises, owner)}
<h2 id="changes">Changes</h2>
<ul>
<li><a href="/account/password">Change the password</a></li>
<li><a href="/account/delete">Delete the account</a></li>
</ul>` })
}

type Held = readonly [term: string, described: (count: number) => string]

/** What rows of a table are to whoever owns them, in the order in which they are told. */
const HELD: ReadonlyMap<string, Held> = new Map<string, Held>([
  ['roster_item', ['Contacts', (count) => `${count}, with the names and groups that you gave them`]],
  ['roster_version', ['Contact list', () => 'When it was changed last, so that clients need not fetch it again']],
  ['blocked_jid', ['Blocked', (count) => `${count}, whom you do not want to hear`]],
  ['invite', ['Invitations', (count) => `${count}, by you`]],
  ['token', ['Tokens', (count) => `${count}, by which clients log in without the password for a while; sealed`]],
])

/** A table that is not known here is called what it is called. */
function heldOf(rows: ReadonlyMap<string, number>): readonly Markup[] {
  const known = [...HELD].map(([table, [term, described]]) => ({ term, count: rows.get(table) ?? 0, described }))
  const others = [...rows].filter(([table]) => table !== 'account' && !HELD.has(table)).map(([term, count]) => ({ term, count, described: String }))
  return [...known, ...others].filter(({ count }) => count > 0).map(({ term, count, described }) => fact(term, described(count)))
}

function fact(term: string, description: Content): Markup {
  return html`<div><dt>${term}</dt><dd>${description}</dd></div>`
}

function sessions(context: PageContext, premises: Premises, owner: Owner): Markup {
  const clients = premises.accounts.sessions(owner.account)
  const pages = premises.accounts.signIns.of(owner.account)
  const way = (onion: boolean): string => onion ? 'through Tor' : 'without Tor'
  return html`<form method="post" action="/account/sessions" class="wide">
<input type="hidden" name="token" value="${ownToken(premises, context, SESSIONS, owner)}">
${clients.length === 0 ? html`<p>No client is there.</p>` : html`<ul class="rows">${clients.map(({ jid, since, onion }) => html`
<li><span><code>${jid.resource}</code> <span class="small">since ${since}, ${way(onion)}</span></span>
<button type="submit" class="second small" name="client" value="${jid.resource}" aria-label="End ${jid.resource}">End</button></li>`)}
</ul>`}
<p>${pages.length === 1 ? 'On pages: you, here.' : `On pages: you, here, and ${pages.length - 1} elsewhere.`}</p>
${clients.length + pages.length > 1 ? html`<button type="submit" class="second" name="all" value="yes">End all but this one</button>` : ''}
</form>
<p class="small">A client that knows your password comes back. If somebody else knows it, change it.</p>`
}
