import type { IncomingMessage } from 'node:http'
import type { Site, Sites } from './site.ts'

/** The largest form: a name, two passwords, and what goes with them. */
export const LONGEST_BODY = 16_384

/** Why a request is answered by nothing but a number (RFC 9110 §15.5). */
export type RefusalStatus = 400 | 404 | 405 | 411 | 413 | 414 | 415 | 421 | 431

const LONGEST_TARGET = 1024
/** Paths are of our own making, so nothing in them need be escaped, and nothing is resolved. */
const PATH = /^\/(?:\.?[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)*\/?)?$/
const FIELDS_ONCE = ['host', 'content-length', 'content-type', 'origin', 'cookie']
const FORM = /^application\/x-www-form-urlencoded *(?:; *charset="?utf-8"?)? *$/i

/**
 * Looks at what was asked before anything acts on it: which site is meant, and whether the request has the form of those
 * that our own pages lead to. Host names the domain by what was configured (RFC 9110 §7.4: 421 for any other); what else
 * is served is told to nobody. The path is put into `request.url`, without a query, which no page of ours has, and what names
 * the site into `headers.host`, in lower case.
 */
export function judge(request: IncomingMessage, sites: Sites, serverName: string | undefined): Site | RefusalStatus {
  const { method = '', url = '', rawHeaders, headers } = request
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  if (FIELDS_ONCE.some((name) => names.indexOf(name) !== names.lastIndexOf(name))) return 400
  if (url.length > LONGEST_TARGET) return 414
  const { authority, path } = targetOf(url)
  // RFC 9112 §3.2.2: with the absolute form the header "MUST" be ignored. §3.2: a request without Host is refused.
  const host = headers.host === undefined ? undefined : authority ?? headers.host
  const [, name = ''] = /^([A-Za-z0-9._-]+)(?::\d{1,5})?$/.exec(host ?? '') ?? []
  if (name === '') return 400
  const site = sites.get(name)
  if (site === undefined || (serverName !== undefined && sites.get(serverName) !== site)) return 421
  if (!PATH.test(path)) return 404
  const refusal = method === 'POST' ? ofBody(headers) : method === 'GET' || method === 'HEAD' ? ofNoBody(headers) : 405
  if (refusal !== undefined) return refusal
  request.url = path
  headers.host = host?.toLowerCase()
  return site
}

function targetOf(url: string): { readonly authority: string | undefined, readonly path: string } {
  const [, authority, target = ''] = /^(?:https?:\/\/([^/?]*))?(.*)$/i.exec(url) ?? []
  return { authority, path: target.split('?', 1)[0] || '/' }
}

/** Only bodies whose length is said: so nobody can read the end of one at another place than we do (RFC 9112 §11.2). */
function ofBody(headers: IncomingMessage['headers']): RefusalStatus | undefined {
  const length = headers['content-length']
  if (headers['transfer-encoding'] !== undefined || length === undefined) return 411
  if (!/^\d{1,9}$/.test(length)) return 400
  if (Number(length) > LONGEST_BODY) return 413
  return FORM.test(headers['content-type'] ?? '') && headers['content-encoding'] === undefined ? undefined : 415
}

function ofNoBody(headers: IncomingMessage['headers']): RefusalStatus | undefined {
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0 ? undefined : 400
}
