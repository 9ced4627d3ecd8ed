import { AccountError } from '../../auth/account-error.ts'
import { QueueFull } from '../../auth/work-queue.ts'
import { alert, field, type Form } from '../form.ts'
import { html } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Pages, Premises } from '../premises.ts'
import { ownerOf, ownToken, readOwnForm, type Owner } from '../signed-in.ts'
import { REFUSALS, signInPage } from './sign-in.ts'

const PURPOSE = 'password'

interface Objection {
  readonly field: 'old' | 'password' | 'again' | undefined
  readonly text: string
}

/** Another password for the account, by whoever knows the one that it has. */
export const password: Pages = (app, premises) => {
  const { signIns } = premises.accounts
  app.get('/account/password', (context) => {
    const owner = ownerOf(context, signIns)
    return owner === undefined ? signInPage(context, premises) : page(context, premises, owner, undefined)
  })
  app.post('/account/password', async (context) => {
    const owner = ownerOf(context, signIns)
    if (owner === undefined) return signInPage(context, premises)
    const form = await readOwnForm(premises, context, PURPOSE, owner)
    const objection = form === undefined ? STALE : await change(context, premises, owner, form)
    if (objection !== undefined) return page(context, premises, owner, objection)
    return show(context, { title: 'Your account', place: '/account', main: html`
<h1>Changed</h1>
<p class="lead">From now on the new password counts, and the old one opens nothing.</p>
<p>Give it to your clients; they ask for it, or their settings do.</p>
<p><a href="/account">To your account</a></p>` })
  })
}

const STALE: Objection = { field: undefined, text: 'This form was open for too long. Here is a new one.' }

async function change(context: PageContext, { passwords, office, accounts }: Premises, { account, secret }: Owner, form: Form): Promise<Objection | undefined> {
  const { site: { domain }, peer } = context.env.visit
  const chosen = form.get('password')
  if (chosen !== form.get('again')) return { field: 'again', text: 'The two passwords differ.' }
  const objection = office.objection(chosen, { name: account.local, domain })
  if (objection !== undefined) return { field: 'password', text: objection }
  const verdict = await passwords.of(domain.name).check(account.local, form.get('old'), domain.name, peer)
  if (verdict === 'wrong') return { field: 'old', text: 'This is not your password.' }
  if (typeof verdict === 'string') return { field: undefined, text: REFUSALS[verdict][0] }
  // Meanwhile somebody else may have ended this sign-in.
  if (accounts.signIns.find(secret, domain.name) === undefined) return STALE
  try {
    await accounts.changePassword(account, chosen, { ending: form.get('ending') !== '', spared: { signIn: secret } })
  } catch (error) {
    if (error instanceof QueueFull) return { field: undefined, text: REFUSALS.later[0] }
    if (error instanceof AccountError) return { field: 'password', text: `${error.message[0]?.toUpperCase() ?? ''}${error.message.slice(1)}.` }
    throw error
  }
  return undefined
}

function page(context: PageContext, premises: Premises, owner: Owner, objection: Objection | undefined): Response {
  const errorOf = (about: Objection['field']): string | undefined => objection !== undefined && objection.field === about ? objection.text : undefined
  return show(context, { title: 'Change the password', place: '/account', main: html`
<h1>Change the password</h1>
<form method="post" action="/account/password" accept-charset="utf-8" id="password-form">
${alert(errorOf(undefined))}
<input type="hidden" name="token" value="${ownToken(premises, context, PURPOSE, owner)}">
<input type="hidden" name="username" value="${owner.account.local}" autocomplete="username">
${field({ name: 'old', label: 'Password now', type: 'password', autocomplete: 'current-password', error: errorOf('old') })}
${field({
    name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password', error: errorOf('password'),
    hint: 'Several words that nobody else would put together. Nobody can give it back to you, so keep it safe.',
  })}
${field({ name: 'again', label: 'New password, once more', type: 'password', autocomplete: 'new-password', error: errorOf('again') })}
<p class="choice"><input type="checkbox" id="ending" name="ending" value="yes" checked><label for="ending">End everything else that is there in my name</label></p>
<button type="submit">Change it</button>
</form>
<p><a href="/account">Leave it as it is</a></p>` }, objection === undefined ? 200 : 422)
}
