import { alert, field, type Form } from '../form.ts'
import { html } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Pages, Premises } from '../premises.ts'
import { forget, ownerOf, ownToken, readOwnForm, type Owner } from '../signed-in.ts'
import { REFUSALS, signInPage } from './sign-in.ts'

const PURPOSE = 'deletion'

interface Objection {
  readonly field: 'password' | 'name' | undefined
  readonly text: string
}

/** The end of an account, by whoever knows its password and types its name. */
export const deletion: Pages = (app, premises) => {
  const { accounts } = premises
  app.get('/account/delete', (context) => {
    const owner = ownerOf(context, accounts.signIns)
    return owner === undefined ? signInPage(context, premises) : page(context, premises, owner, undefined)
  })
  app.post('/account/delete', async (context) => {
    const owner = ownerOf(context, accounts.signIns)
    if (owner === undefined) return signInPage(context, premises)
    const form = await readOwnForm(premises, context, PURPOSE, owner)
    const objection = form === undefined ? STALE : await objectionTo(context, premises, owner, form)
    if (objection !== undefined) return page(context, premises, owner, objection)
    accounts.remove(owner.account)
    forget(context, accounts.signIns, owner)
    return show(context, { title: 'Gone', main: html`
<h1>Your account is gone</h1>
<p class="lead">All that was kept of you is removed, and your contacts were told.</p>
<p>Backups, which are encrypted, hold it until they are rotated away; the <a href="/policy">policy</a> says when. Nobody else gets
your name here.</p>` })
  })
}

const STALE: Objection = { field: undefined, text: 'This form was open for too long. Here is a new one.' }

/** Undefined: it is to be done, at once, as nothing may happen in between. */
async function objectionTo(context: PageContext, { passwords, accounts }: Premises, { account, secret }: Owner, form: Form): Promise<Objection | undefined> {
  const { site: { domain }, peer } = context.env.visit
  const typed = form.get('name').trim().toLowerCase()
  if (typed !== account.local && typed !== account.toString()) return { field: 'name', text: 'This is not the name of your account.' }
  const verdict = await passwords.of(domain.name).check(account.local, form.get('password'), domain.name, peer)
  if (verdict === 'wrong') return { field: 'password', text: 'This is not your password.' }
  if (typeof verdict === 'string') return { field: undefined, text: REFUSALS[verdict][0] }
  // Meanwhile somebody else may have ended this sign-in.
  return accounts.signIns.find(secret, domain.name) === undefined ? STALE : undefined
}

function page(context: PageContext, premises: Premises, owner: Owner, objection: Objection | undefined): Response {
  const errorOf = (about: Objection['field']): string | undefined => objection !== undefined && objection.field === about ? objection.text : undefined
  return show(context, { title: 'Delete the account', place: '/account', main: html`
<h1>Delete the account</h1>
<p class="lead">It cannot be taken back. Whatever is kept of you is removed, your contacts are told that you are gone, and nobody gets your
name again, you neither.</p>
<p>If you want to keep your contacts, <a href="/account#held">download them</a> before.</p>
<form method="post" action="/account/delete" accept-charset="utf-8" id="deletion">
${alert(errorOf(undefined))}
<input type="hidden" name="token" value="${ownToken(premises, context, PURPOSE, owner)}">
${field({ name: 'name', label: 'The name of your account', autocomplete: 'off', error: errorOf('name'), hint: html`So that it is not another one: <code>${owner.account.local}</code>` })}
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', error: errorOf('password') })}
<button type="submit" class="grave">Delete it for good</button>
</form>
<p><a href="/account">Leave it as it is</a></p>` }, objection === undefined ? 200 : 422)
}
