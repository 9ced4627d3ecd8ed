import type { Invitation } from '../../registration/application.ts'
import { invitationLinks } from '../../registration/links.ts'
import type { ServedDomain } from '../../routing/domains.ts'
import { clientList, overTor } from '../clients.ts'
import { isFromHere, readForm } from '../form.ts'
import { html } from '../markup.ts'
import { show, type PageContext } from '../page.ts'
import type { Pages, Premises } from '../premises.ts'
import { qrPicture } from '../qr-picture.ts'
import { waysTo } from '../ways.ts'
import { accountFields, formObjection, madePage, objectionOf, type Objection } from './application.ts'

const PURPOSE = 'invitation'

/** Where an invitation leads (XEP-0401 §5): to a client, or to a form that makes the account here. */
export const invitation: Pages = (app, premises) => {
  const { office, tokens } = premises
  app.get('/invite/:token', (context) => {
    const token = context.req.param('token')
    const found = office.invitation(context.env.visit.site.domain, token)
    return found === undefined ? gone(context) : landing(context, premises, token, found, '', undefined)
  })
  app.post('/invite/:token', async (context) => {
    const { visit, visit: { site: { domain }, peer } } = context.env
    const token = context.req.param('token')
    const found = office.invitation(domain, token)
    if (found === undefined) return gone(context)
    const form = await readForm(context)
    const name = found.name ?? form.get('name').trim().toLowerCase()
    const objection = formObjection(form, isFromHere(context) && tokens.holds(form.get('token'), PURPOSE, visit, token))
    if (objection !== undefined) return await landing(context, premises, token, found, name, objection)
    try {
      const account = await office.register({ domain, peer, name, password: form.get('password'), token })
      return madePage(context, premises, account.toString())
    } catch (error) {
      const refused = objectionOf(error)
      return office.invitation(domain, token) === undefined ? gone(context) : await landing(context, premises, token, found, name, refused)
    }
  })
}

function gone(context: PageContext): Response {
  return show(context, { title: 'Invitation', main: html`
<h1>This invitation is not good any more</h1>
<p class="lead">It was used, taken back, or is too old. Ask who gave it to you for another one.</p>` }, 404)
}

async function landing(
  context: PageContext, premises: Premises, token: string, invited: Invitation, name: string, objection: Objection | undefined,
): Promise<Response> {
  const { visit, visit: { site } } = context.env
  const { domain } = site
  const { xmpp: uri } = invitationLinks(domain, token, invited)
  const ways = waysTo(site, premises.config)
  return show(context, { title: 'Invitation', main: html`
<h1>You are invited</h1>
<p class="lead">${greeting(invited, domain)}</p>
<p class="small">Good until ${new Date(invited.expires).toISOString().slice(0, 16).replace('T', ' ')} UTC.</p>
<h2 id="here">Make it here</h2>
<form method="post" action="/invite/${token}" accept-charset="utf-8" id="redeem">
<input type="hidden" name="token" value="${premises.tokens.issue(PURPOSE, visit, token)}">
${accountFields({ name, objection, domain: domain.name, givenName: invited.name })}
<p class="small">By making it you accept the <a href="/rules">rules</a>. The <a href="/policy">policy</a> says what is kept of you.</p>
<button type="submit">Make the account</button>
</form>
<h2 id="client">Or in a client</h2>
<div class="with-code"><div>
<p>Some clients take an invitation: open the link on the device where yours is, or let it read the code.</p>
<p><a class="button second" href="${uri}">Open in a client</a></p>
<p class="small code">${uri}</p>
</div>${await qrPicture(uri, 'QR code of the link for clients')}</div>
<h2 id="clients">Clients</h2>
${overTor(html`<code>${invited.name ?? 'you'}@${domain.name}</code>`, ways)}
${ways.onion === undefined ? '' : html`<p class="address" id="onion">${ways.onion}</p>`}
${clientList(`${invited.name ?? 'you'}@${domain.name}`, ways)}` }, objection?.status ?? 200)
}

function greeting({ inviter, name }: Invitation, domain: ServedDomain): ReturnType<typeof html> {
  const who = inviter === undefined ? html`The operator of this server` : html`<code>${inviter.toString()}</code>`
  return html`${who} invites you to an account${name === undefined ? html` at ${domain.name}` : html`, <code>${name}@${domain.name}</code>`}.${
    inviter === undefined ? '' : ' With it the two of you are contacts.'}`
}
