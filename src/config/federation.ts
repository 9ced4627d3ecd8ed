import { isIP } from 'node:net'
import { z } from 'zod'
import { domainName, ONION } from './domain-name.ts'

/** How the servers of other domains are reached that are no onion and not mapped to one. */
export const FEDERATION_POLICIES = ['direct', 'tor', 'refuse'] as const
export type FederationPolicy = (typeof FEDERATION_POLICIES)[number]

/** A host, by IP address or onion address, and its port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Where nothing else is said: DNS asks on 53 (RFC 1035 §4.2), servers of XMPP listen on 5269 (RFC 6120 §14.7). */
const DNS_PORT = 53
const S2S_PORT = 5269
const MOST_RESOLVERS = 4

/** "9.9.9.9", "9.9.9.9:53", "[2620:fe::fe]:53": an address, since a name would have to be looked up first. */
const resolver = z.string().transform((text, context) => {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const endpoint = { host: bracketed ?? plain ?? '', port: Number(port ?? DNS_PORT) }
  if (isIP(endpoint.host) === (bracketed === undefined ? 4 : 6) && isPort(endpoint.port)) return endpoint
  return complain(context, [], 'no resolver', '"IP:port", IPv6 in brackets: "9.9.9.9:53", "[2620:fe::fe]:53"')
})

/** Resolvers of DNS, asked in this order. */
export const resolvers = z.array(resolver).max(MOST_RESOLVERS).default([])

/** Domains of others that need no valid certificate: dialback alone is their proof. */
export const unverified = z.array(z.string()).max(1000).default([]).transform((given, context) => given.map((text, index) => {
  const name = domainName(text)
  if (typeof name === 'string' && name !== ONION) return name
  return complain(context, [index], 'no DNS name', 'the DNS name of a domain that is not yours')
}))

/**
 * Domains of others whose servers are reached at an onion address: "example.org" = "<56 characters>.onion", with ":port"
 * where it is not 5269. Whether the address is one of version 3 shows its checksum, which tor judges.
 */
export const onionMap = z.record(z.string(), z.string()).default({}).transform((given, context) => {
  const mapped: Record<string, Endpoint> = {}
  for (const [domain, text] of Object.entries(given)) {
    const name = domainName(domain)
    const [, host = '', port] = /^([a-z2-7]{56}\.onion)(?::(\d{1,5}))?$/i.exec(text) ?? []
    const endpoint = { host: host.toLowerCase(), port: Number(port ?? S2S_PORT) }
    if (typeof name !== 'string' || name === ONION) {
      complain(context, [domain], 'the onion of no DNS name', 'it behind the domain that it belongs to')
    } else if (host === '' || !isPort(endpoint.port)) {
      complain(context, [domain], 'no onion address', '"ADDRESS.onion" or "ADDRESS.onion:PORT", ADDRESS of 56 characters')
    } else {
      mapped[name] = endpoint
    }
  }
  return mapped
})

function isPort(port: number): boolean {
  return port > 0 && port <= 65_535
}

function complain(context: z.RefinementCtx, path: (string | number)[], message: string, form: string): never {
  context.addIssue({ code: 'custom', message, path, params: { form } })
  return z.NEVER
}
