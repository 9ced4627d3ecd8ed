import { DnsError, type Resolver, type Service, type ServiceRecord } from '../net/resolver.ts'
import { decide, type Decision, type DestinationQuestion, type Findings } from './destination.ts'

/** What may be asked; each only where a decision says so. */
export interface Resolvers {
  /** The machine's own. */
  readonly direct: Resolver
  /** Through Tor, on the circuit of that isolation. */
  readonly tor: (isolation: string) => Resolver
}

export type Location = Exclude<Decision, { readonly state: 'ask' }>

/** Where a remote domain is called: decides, asks DNS where that is the decision, and decides again. */
export async function locate(question: Omit<DestinationQuestion, 'found'>, resolvers: Resolvers): Promise<Location> {
  const first = decide({ ...question, found: undefined })
  if (first.state !== 'ask') return first
  const resolver = first.via === 'tor' ? resolvers.tor(first.isolation) : resolvers.direct
  const ask = (service: Service): Promise<Findings['starttls']> => services(resolver, service, first.name)
  const [starttls, directTls] = await Promise.all([ask('xmpp-server'), ask('xmpps-server')])
  const second = decide({ ...question, found: { starttls, directTls } })
  // What was found is handed in, so nothing is left to ask.
  return second.state === 'ask' ? { state: 'refused', reason: 'no-answer', temporary: true } : second
}

async function services(resolver: Resolver, service: Service, name: string): Promise<readonly ServiceRecord[] | 'failed'> {
  try {
    return await resolver.services(service, name)
  } catch (error) {
    if (error instanceof DnsError) return 'failed'
    throw error
  }
}
