import type { Challenge, RegistrationMode } from '../../registration/application.ts'
import { field, isFromHere, readForm } from '../form.ts'
import { html, type Markup } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Pages, Premises } from '../premises.ts'
import { accountFields, formObjection, madePage, objectionOf, type Objection } from './application.ts'

const PURPOSE = 'register'

/** How to get an account, and the form for it where everybody may have one. */
export const registration: Pages = (app, premises) => {
  const { office, tokens } = premises
  app.get('/register', (context) => {
    const mode = office.mode(context.env.visit.site.domain)
    return mode === 'open' ? answerWithForm(context, premises, '', undefined) : show(context, closed(mode))
  })
  app.post('/register', async (context) => {
    const { visit } = context.env
    const { site: { domain }, peer } = visit
    const mode = office.mode(domain)
    if (mode !== 'open') return show(context, closed(mode), 403)
    const form = await readForm(context)
    const name = form.get('name').trim().toLowerCase()
    const objection = formObjection(form, isFromHere(context) && tokens.holds(form.get('token'), PURPOSE, visit))
    if (objection !== undefined) return answerWithForm(context, premises, name, objection)
    try {
      const challenge = { id: form.get('challenge'), answer: form.get('answer') }
      const account = await office.register({ domain, peer, name, password: form.get('password'), challenge })
      return madePage(context, premises, account.toString())
    } catch (error) {
      return answerWithForm(context, premises, name, objectionOf(error))
    }
  })
}

function answerWithForm(context: PageContext, premises: Premises, name: string, objection: Objection | undefined): Response {
  const { visit, visit: { site: { domain }, peer } } = context.env
  try {
    const challenge = premises.office.challenge({ domain, peer })
    const token = premises.tokens.issue(PURPOSE, visit)
    return show(context, { title: 'Get an account', place: '/register', main: page(domain.name, name, objection, challenge, token) }, objection?.status ?? 200)
  } catch (error) {
    const { message, status } = objectionOf(error)
    return show(context, { title: 'Get an account', place: '/register', main: html`
<h1>Not at the moment</h1>
<p class="lead">${message}</p>` }, status)
  }
}

function page(domain: string, name: string, objection: Objection | undefined, challenge: Challenge, token: string): Markup {
  return html`
<h1>Get an account</h1>
<p class="lead">A name and a password are all that is asked. No mail address, no telephone.</p>
<form method="post" action="/register" accept-charset="utf-8" id="register">
<input type="hidden" name="token" value="${token}">
<input type="hidden" name="challenge" value="${challenge.id}">
${accountFields({ name, objection, domain })}
<fieldset class="challenge">
<legend>Are you a person?</legend>
<p class="small">One of the two is enough: type what the picture shows, or do what the sentence asks.</p>
<img src="data:image/png;base64,${challenge.picture.toString('base64')}" alt="A picture of some letters; the sentence below can be answered instead.">
<p id="question">${challenge.question}</p>
${field({ name: 'answer', label: 'Your answer', autocomplete: 'off', maxlength: 200, describedBy: 'question',
  error: objection?.field === 'answer' ? objection.message : undefined })}
</fieldset>
<p class="small">By making it you accept the <a href="/rules">rules</a>. The <a href="/policy">policy</a> says what is kept of you.</p>
<button type="submit">Make the account</button>
</form>`
}

function closed(mode: Exclude<RegistrationMode, 'open'>): { readonly title: string, readonly place: string, readonly main: Markup } {
  return { title: 'Get an account', place: '/register', main: mode === 'invite' ? html`
<h1>By invitation</h1>
<p class="lead">Accounts here come by invitation: a link, from somebody who has an account or from the operator.</p>
<p>If you have one, open it: it leads to a page where you choose your name and password. An invitation is good once, and
for a while; ask for another one where yours has been used or is too old.</p>` : html`
<h1>Closed</h1>
<p class="lead">Accounts are made by the operator alone.</p>
<p>If you know them, ask them. There is no form for it here.</p>` }
}
