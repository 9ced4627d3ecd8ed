import type { SignIns } from '../registration/sign-ins.ts'
import type { Jid } from '../xmpp/jid.ts'
import { isFromHere, readForm, type Form } from './form.ts'
import type { PageContext } from './page.ts'
import type { Premises } from './premises.ts'
import type { Site } from './site.ts'

/** Whoever asks for a page, signed in. */
export interface Owner {
  readonly account: Jid
  /** Of the sign-in: what the browser shows. */
  readonly secret: string
}

/**
 * Who is signed in, by the cookie. The browser sends it to this host alone (RFC 6265 §4.1.2), to no script, and from no
 * other site (SameSite=Strict). The circuit does not matter: browsers change it as they like.
 */
export function ownerOf(context: PageContext, signIns: SignIns): Owner | undefined {
  const { site } = context.env.visit
  const prefix = `${cookieName(site)}=`
  const [secret, ...more] = (context.req.header('cookie') ?? '').split(/; */).filter((pair) => pair.startsWith(prefix)).map((pair) => pair.slice(prefix.length))
  const found = secret === undefined || more.length > 0 ? undefined : signIns.find(secret, site.domain.name)
  return secret === undefined || found === undefined ? undefined : { account: found.account, secret }
}

/** Signs in, with a secret that nobody had before. */
export function remember(context: PageContext, signIns: SignIns, account: Jid): void {
  const { site } = context.env.visit
  setCookie(context, site, signIns.begin(account, site.kind === 'onion'))
}

export function forget(context: PageContext, signIns: SignIns, { secret }: Owner): void {
  signIns.end(secret)
  setCookie(context, context.env.visit.site, '', '; Max-Age=0')
}

/** A token for a form of somebody who is signed in: it holds for this sign-in, by whatever circuit, and for one purpose. */
export function ownToken({ tokens }: Premises, context: PageContext, purpose: string, { secret }: Owner): string {
  return tokens.issue(purpose, { ...context.env.visit, peer: undefined }, secret)
}

/** What was sent; undefined where the form is not one that we gave to this sign-in. */
export async function readOwnForm({ tokens }: Premises, context: PageContext, purpose: string, { secret }: Owner): Promise<Form | undefined> {
  const form = await readForm(context)
  return isFromHere(context) && tokens.holds(form.get('token'), purpose, { ...context.env.visit, peer: undefined }, secret) ? form : undefined
}

/** The prefix has browsers refuse it from any other host, and without TLS; behind an onion there is none. */
function cookieName({ kind }: Site): string {
  return kind === 'https' ? '__Host-signed-in' : 'signed-in'
}

/** Without a date: it goes when the browser is closed. */
function setCookie(context: PageContext, site: Site, value: string, more = ''): void {
  context.header('Set-Cookie', `${cookieName(site)}=${value}; Path=/; HttpOnly; SameSite=Strict${site.kind === 'https' ? '; Secure' : ''}${more}`)
}
