import type { PageContext } from '../page.ts'
import type { Pages } from '../premises.ts'
import { STREAM_PATH } from '../stream-upgrade.ts'

const REL = 'urn:xmpp:alt-connections:websocket'

/**
 * How streams come in here besides TCP (XEP-0156, RFC 6415), for clients that can ask no DNS. Not on an onion: §2.2
 * "MUST only use connection URLs starting with 'https://' or 'wss://'", and "MUST be fetched only over HTTPS".
 */
export const hostMeta: Pages = (app) => {
  app.get('/.well-known/host-meta', (context) => answer(context, 'application/xrd+xml; charset=utf-8', (address) => (
    `<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="${REL}" href="${address}"/></XRD>\n`)))
  app.get('/.well-known/host-meta.json', (context) => answer(context, 'application/json', (address) => (
    JSON.stringify({ links: [{ rel: REL, href: address }] }))))
}

/** §3: clients on pages of others may read it, too. It names nothing but where it was asked for. */
function answer(context: PageContext, type: string, text: (address: string) => string): Response | Promise<Response> {
  const { site, host } = context.env.visit
  if (site.kind !== 'https') return context.notFound()
  const authority = host.includes(':') ? host : `${host}:443`
  return context.body(text(`wss://${authority}${STREAM_PATH}`), 200, { 'Content-Type': type, 'Access-Control-Allow-Origin': '*' })
}
