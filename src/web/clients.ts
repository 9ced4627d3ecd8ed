import { html, type Markup } from './markup.ts'
import { ONION_CLIENT_PORT, type Ways } from './ways.ts'

/** A client that speaks OTR, and how it is told to connect over Tor. */
interface Client {
  readonly name: string
  readonly systems: string
  readonly setUp: (account: string, ways: Ways) => Markup
}

/** Those that were seen to work with this server, or that have OTR in them by their makers' word. */
const CLIENTS: readonly Client[] = [
  {
    name: 'Pidgin', systems: 'Linux, Windows; with the plugin pidgin-otr',
    setUp: (account, { onion }) => html`<p>Add an account of the protocol <em>XMPP</em> with the name and domain of ${account}.
Under <em>Tools</em>, <em>Plugins</em> switch on <em>Off-the-Record Messaging</em>, and in its settings
<em>Require private messaging</em>.</p>${onion === undefined ? '' : html`
<p>Over Tor: under <em>Advanced</em> write <code>${onion}</code> as <em>Connect server</em>; under <em>Proxy</em> choose
<em>Tor/Privacy (SOCKS5)</em>, host <code>127.0.0.1</code>, port <code>9050</code> (<code>9150</code> while Tor Browser runs).</p>`}`,
  },
  {
    name: 'CoyIM', systems: 'Linux, macOS; OTR and Tor are built in',
    setUp: (account, { onion }) => html`<p>Add an existing account, ${account}. CoyIM finds a running Tor by itself.${onion === undefined ? ''
      : html` In the account's connection settings write <code>${onion}</code> as server, port <code>${ONION_CLIENT_PORT}</code>.`}</p>`,
  },
  {
    name: 'Profanity', systems: 'Linux, macOS, BSD; in a terminal',
    setUp: (account, { onion }) => html`${onion === undefined ? '' : html`<p>Over Tor start it as <code>torsocks profanity</code>.</p>`}
<pre><code>/account add quiet
/account set quiet jid ${account}${onion === undefined ? '' : `
/account set quiet server ${onion}
/account set quiet tls disable`}
/connect quiet
/otr gen
/otr policy always</code></pre>${onion === undefined ? '' : html`<p>TLS is not needed inside the circuit, which is encrypted from end to end.</p>`}`,
  },
  {
    name: 'mcabber', systems: 'Linux, macOS, BSD; in a terminal',
    setUp: (account, { onion }) => html`<p>In <code>~/.mcabber/mcabberrc</code>, mode 0600${onion === undefined ? '' : html`; over Tor start it as <code>torsocks mcabber</code>`}:</p>
<pre><code>set jid = ${account}${onion === undefined ? '' : `
set server = ${onion}
set ssl_ignore_checks = 1`}
set otr = 1</code></pre>${onion === undefined ? '' : html`<p>The onion address itself proves who answers, so the certificate need not be checked on it.</p>`}`,
  },
  {
    name: 'Adium', systems: 'macOS; OTR is built in',
    setUp: (account, { onion }) => html`<p>Add an account of the kind <em>XMPP</em>, ${account}; under <em>Privacy</em> choose to force encryption.${onion === undefined ? ''
      : html` Over Tor: <em>Connect server</em> <code>${onion}</code>, and under <em>Proxy</em> SOCKS5, <code>127.0.0.1</code>, port <code>9050</code>.`}</p>`,
  },
]

/** All of them, each to be opened; `account` is how an address here looks. */
export function clientList(account: string, ways: Ways): Markup {
  return html`<p>OTR must be switched on. These clients have it:</p>
<div class="clients">${CLIENTS.map(({ name, systems, setUp }) => html`
<details>
<summary><span><span class="client">${name}</span> <span class="systems">${systems}</span></span></summary>
<div class="inside">${setUp(account, ways)}</div>
</details>`)}
</div>
<p class="small">Conversations, Dino, Gajim, Monal and Siskin have no OTR any more, or never had it; they can log in here, and cannot say anything.</p>`
}

/** What makes a connection over Tor: the two names that clients mix up. */
export function overTor(account: string, { onion, isOnion }: Ways): Markup {
  if (onion === undefined) return html``
  return html`<p>A client needs ${isOnion ? 'one name' : 'two names'} and a way: the address of your account, ${account}${isOnion ? '' : html`, which says nothing of
where the server is; the server to connect to, which is the onion address`}; and as proxy the Tor of your own machine, SOCKS5 at
<code>127.0.0.1</code>, port <code>9050</code>, or <code>9150</code> while Tor Browser runs.</p>`
}
