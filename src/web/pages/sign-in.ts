import type { PasswordVerdict } from '../../auth/password-check.ts'
import { alert, field, isFromHere, readForm } from '../form.ts'
import { html } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Pages, Premises } from '../premises.ts'
import { forget, ownerOf, readOwnForm, remember } from '../signed-in.ts'

const PURPOSE = 'sign-in'
export const SIGN_OUT = 'sign-out'

type Refusal = readonly [text: string, status: 403 | 422 | 429]

/** What a wrong password is told; the same whether there is such an account or not. */
export const REFUSALS: Readonly<Record<Extract<PasswordVerdict, string>, Refusal>> = {
  wrong: ['No account here has this name and this password.', 422],
  locked: ['The operator locked this account. Ask them why.', 403],
  later: ['There were too many wrong passwords, or the server is busy. Try again in ten minutes.', 429],
}

/** Sign in with name and password, and out again. */
export const signIn: Pages = (app, premises) => {
  const { tokens, passwords, accounts: { signIns } } = premises
  app.get('/sign-in', (context) => ownerOf(context, signIns) === undefined ? signInPage(context, premises) : context.redirect('/account', 303))
  app.post('/sign-in', async (context) => {
    const { visit, visit: { site: { domain }, peer } } = context.env
    const form = await readForm(context)
    const name = nameOf(form.get('name'), domain.name)
    if (!isFromHere(context) || !tokens.holds(form.get('token'), PURPOSE, visit)) {
      return signInPage(context, premises, name, ['This form was open for too long, or came by another way than this. Here is a new one.', 403])
    }
    const verdict = await passwords.of(domain.name).check(name, form.get('password'), domain.name, peer)
    if (typeof verdict === 'string') return signInPage(context, premises, name, REFUSALS[verdict])
    // Whoever was signed in here before is not any more.
    const before = ownerOf(context, signIns)
    if (before !== undefined) signIns.end(before.secret)
    remember(context, signIns, verdict.account)
    return context.redirect('/account', 303)
  })
  app.post('/sign-out', async (context) => {
    const owner = ownerOf(context, signIns)
    if (owner !== undefined && await readOwnForm(premises, context, SIGN_OUT, owner) !== undefined) forget(context, signIns, owner)
    return context.redirect('/', 303)
  })
}

/** The form; also in place of a page that is for nobody else. */
export function signInPage(
  context: PageContext, { tokens }: Premises, name = '', refusal?: Refusal,
): Response {
  const { visit, visit: { site: { domain } } } = context.env
  return show(context, { title: 'Sign in', place: '/account', main: html`
<h1>Your account</h1>
<p class="lead">Sign in to see what is kept of you, to change your password, or to leave.</p>
<form method="post" action="/sign-in" accept-charset="utf-8" id="sign-in">
${alert(refusal?.[0])}
<input type="hidden" name="token" value="${tokens.issue(PURPOSE, visit)}">
${field({ name: 'name', label: 'Name', value: name.slice(0, 64), autocomplete: 'username', maxlength: 1024, hint: html`The part of your address before <code>@${domain.name}</code>.` })}
${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' })}
<button type="submit">Sign in</button>
</form>
<p class="small">One cookie keeps you signed in, until you sign out, close the browser, or do nothing for a quarter of an hour. A
client needs none of this: it has a login of its own.</p>` }, refusal?.[1] ?? 200)
}

/** Whoever types the whole address means the name in it. */
function nameOf(text: string, domain: string): string {
  const name = text.trim().toLowerCase()
  return name.endsWith(`@${domain}`) ? name.slice(0, -domain.length - 1) : name
}
