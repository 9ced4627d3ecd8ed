import { clientList, overTor } from '../clients.ts'
import { html, type Markup } from '../markup.ts'
import { show } from '../page.ts'
import type { Pages } from '../premises.ts'
import { qrPicture } from '../qr-picture.ts'
import type { Site } from '../site.ts'
import { ONION_CLIENT_PORT, waysTo, type Ways } from '../ways.ts'

/** What this server is, what it refuses to do, and how to connect to it. */
export const welcome: Pages = (app, { config, texts, office }) => {
  app.get('/', async (context) => {
    const { site } = context.env.visit
    const ways = waysTo(site, config)
    const account = html`<code>you@${site.domain.name}</code>`
    const mode = office.mode(site.domain)
    return show(context, { place: '/', main: html`
<h1>A quiet place to talk</h1>
<p class="lead">A chat server where nothing is said in the clear. What you write is encrypted by OTR between you and the one
you write to, and anything else is turned back at the door.</p>
<p class="actions">
  <a class="button" href="/register">${mode === 'open' ? 'Get an account' : 'How to get an account'}</a>
  <a href="#connect">Connect a client</a>
</p>
${texts.page(site.domain, 'about.md')}
<div class="pair">
<section aria-labelledby="does">
<h2 id="does">What it does</h2>
<ul>
<li>It judges each message, and passes those that are OTR as a whole.</li>
<li>${reach(ways)}</li>
<li>It keeps no message, and of your password only what it takes to check it.</li>
<li>It writes no ${config.log.roster ? 'address' : 'name, address'} or word of yours into a log.</li>
</ul>
</section>
<section aria-labelledby="refuses">
<h2 id="refuses">What it refuses</h2>
<ul>
<li>Unencrypted messages: you are told, and they go nowhere.</li>
<li>Messages to people who are not there: nothing waits here.</li>
<li>Group chats, uploads and archives: they cannot be had with OTR.</li>
<li>Copies to your other devices.</li>
</ul>
</section>
</div>
<h2 id="connect">Connect</h2>
<dl class="facts">
<div><dt>Your address</dt><dd>${account}</dd></div>
${await onionFact(ways)}
${direct(site, ways)}
<div><dt>Certificate</dt><dd><p class="print" id="fingerprint">${site.identity.fingerprint.split(':').map((byte, index) => html`${index === 0 ? '' : html`:<wbr>`}${byte}`)}</p>
<p class="hint">SHA-256. Where your client asks whether you trust the server, compare what it shows with this.</p></dd></div>
</dl>
${overTor(account, ways)}
<h2 id="clients">Clients</h2>
${clientList(`you@${site.domain.name}`, ways)}` })
  })
}

async function onionFact({ onion, isOnion }: Ways): Promise<Markup> {
  if (onion === undefined) return html``
  return html`<div><dt>Over Tor</dt><dd><div class="with-code"><div>
<p class="address" id="onion">${onion}</p>
<p class="hint">${isOnion ? 'The server to connect to, where a client asks for it' : 'The server to connect to'}. Port ${ONION_CLIENT_PORT}.</p>
</div>${await qrPicture(onion, `QR code of ${onion}`)}</div></dd></div>`
}

function direct({ domain: { name } }: Site, { starttls, direct }: Ways): Markup {
  if (starttls.length + direct.length === 0) return html``
  const ports = [...starttls.map((port) => `${port} with STARTTLS`), ...direct.map((port) => `${port} with TLS`)]
  return html`<div><dt>Without Tor</dt><dd><p><code>${name}</code>, port ${ports.join(', or ')}.</p>
<p class="hint">Whoever watches your network, and this server, sees where you are.</p></dd></div>`
}

function reach({ onion, starttls, direct }: Ways): string {
  if (onion === undefined) return 'It is reached by encrypted connections alone.'
  return starttls.length + direct.length === 0 ? 'It is reached through Tor, and so does not know where you are.'
    : 'It can be reached through Tor, and then does not know where you are.'
}
