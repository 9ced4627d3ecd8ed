import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { z } from 'zod'
import type { Complaint } from './config-error.ts'
import { domainName, ONION } from './domain-name.ts'
import { secretFileComplaints } from './key-files.ts'

/** Of a component of the onion domain: its own label, and what stands for the onion's address. */
const UNDER_ONION = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.onion$/
const LEAST_SECRET = 16

/** A program on this machine that answers for a domain of its own (XEP-0114). */
export const component = z.strictObject({
  name: z.string().transform((text, context) => {
    const named = UNDER_ONION.test(text) ? text : domainName(text)
    if (typeof named === 'string' && named !== ONION) return named
    context.addIssue({ code: 'custom', message: typeof named === 'string' ? 'the onion itself' : named.problem, params: { form: '"gate.example.org", or "gate.onion"' } })
    return z.NEVER
  }),
  secret_file: z.string(),
  listen: z.string().default('').transform(loopbackAddress),
  domains: z.array(z.string()).min(1).optional(),
})

/** As it is written, and with the domains decided whose accounts reach it. */
export type ComponentConfig = Readonly<Omit<z.infer<typeof component>, 'domains'>> & { readonly domains: readonly string[] }

/** Whom it is for where it does not say: the onion, or all domains with DNS names. */
export function withDomains(one: z.infer<typeof component>, standard: readonly string[]): ComponentConfig {
  return { ...one, domains: one.domains ?? (one.name.endsWith('.onion') ? [ONION] : standard) }
}

/** Undefined is the unix socket in the runtime directory. The secret goes over it as a hash, what is said in the clear. */
function loopbackAddress(text: string, context: z.RefinementCtx): { readonly host: string, readonly port: number } | undefined {
  if (text === '') return undefined
  const [, four, six, port = ''] = /^(?:(127(?:\.\d{1,3}){3})|\[(::1)\]):(\d{1,5})$/.exec(text) ?? []
  const host = four ?? six
  if (host !== undefined && isIP(host) !== 0 && Number(port) <= 65_535) return { host, port: Number(port) }
  context.addIssue({ code: 'custom', message: 'no port of this machine alone', params: { form: '"127.0.0.1:5347", "[::1]:5347", or nothing for a unix socket' } })
  return z.NEVER
}

/** What is wrong with components, by themselves and beside all else. */
export function componentComplaints(
  { components, domains, listeners }: {
    readonly components: readonly ComponentConfig[]
    readonly domains: readonly { readonly name: string }[]
    readonly listeners: readonly { readonly address: string, readonly port: number }[]
  },
): Complaint[] {
  const served = domains.map(({ name }) => name)
  return components.flatMap((one, index): Complaint[] => {
    const at = `components[${index}]`
    const before = components.slice(0, index)
    const unknown = one.domains.findIndex((name) => !served.includes(name))
    const isOnions = one.name.endsWith('.onion')
    return [
      ...served.includes(one.name) || before.some(({ name }) => name === one.name)
        ? [{ key: `${at}.name`, problem: `"${one.name}" is taken`, remedy: 'Give the component a name of its own, e.g. one under a domain here' }] : [],
      ...secretComplaints(`${at}.secret_file`, one.secret_file),
      ...unknown >= 0
        ? [{ key: `${at}.domains[${unknown}]`, problem: `no domain is called "${one.domains[unknown]}"`, remedy: `Write one of ${served.map((name) => `"${name}"`).join(', ')}` }] : [],
      // Whoever found one component at both would know that they are one server's.
      ...one.domains.some((name) => (name === ONION) !== isOnions)
        ? [{
          key: `${at}.domains`, problem: 'an onion and a domain with a DNS name would be known as one server\'s by it',
          remedy: 'A component called "LABEL.onion" is for domains = ["onion"] alone, every other for domains with DNS names',
        }] : [],
      ...isTaken(one, before, listeners)
        ? [{ key: `${at}.listen`, problem: 'another listener or component has that port', remedy: 'Give one of the two another port' }] : [],
    ]
  })
}

function isTaken(
  { listen }: ComponentConfig, before: readonly ComponentConfig[], listeners: readonly { readonly address: string, readonly port: number }[],
): boolean {
  return listen !== undefined && listen.port !== 0
    && (before.some((other) => other.listen?.port === listen.port) || listeners.some(({ port }) => port === listen.port))
}

function secretComplaints(key: string, file: string): Complaint[] {
  if (file === '') return [{ key, problem: 'no file is named', remedy: 'Name a file with a secret that the component has, too' }]
  const complaints = secretFileComplaints(key, file, { mayBeMissing: false })
  if (complaints.length > 0) return complaints
  return componentSecret(file).length >= LEAST_SECRET ? []
    : [{ key, problem: `${file} holds no secret of ${LEAST_SECRET} characters or more`, remedy: 'Make one: openssl rand -hex 32' }]
}

/** Its first line. */
export function componentSecret(file: string): string {
  return readFileSync(file, 'utf8').split('\n', 1)[0]?.trim() ?? ''
}
