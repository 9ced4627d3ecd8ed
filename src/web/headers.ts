import type { ServerResponse } from 'node:http'
import type { Site } from './site.ts'

/**
 * What every answer says besides its content: that nothing but our own stylesheet and our own pictures is loaded, nothing
 * runs, nobody frames it, and no other site is told where a visitor came from.
 */
const HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), interest-cohort=()',
  'Cache-Control': 'no-store',
}

/** For a year. Only for this name: what else its owner has under it is not ours to decide. */
const STRICT_TRANSPORT = 'max-age=31536000'

/** Sets them; `path` is where the same page lies on the onion, where the two are linked. Nothing tells our time or what we run on. */
export function setHeaders(response: ServerResponse, site: Site | undefined, path: string, torEnabled: boolean): void {
  response.sendDate = false
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
  if (site?.kind !== 'https') return
  response.setHeader('Strict-Transport-Security', STRICT_TRANSPORT)
  const { onionAddress } = site.domain
  if (torEnabled && onionAddress !== undefined) response.setHeader('Onion-Location', `http://${onionAddress}${path}`)
}
