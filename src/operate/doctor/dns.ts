import { domainToASCII } from 'node:url'
import { Resolver } from 'node:dns/promises'
import { ONION } from '../../config/domain-name.ts'
import type { Config } from '../../config/schema.ts'
import { bad, good, notice, type Check, type Finding } from './finding.ts'

const SERVICES = { c2s: '_xmpp-client._tcp', 'c2s-tls': '_xmpps-client._tcp', s2s: '_xmpp-server._tcp', 's2s-tls': '_xmpps-server._tcp' } as const

/** Does DNS lead to the ports that are listened on? Asked only for domains that call others directly: else nobody is to see us ask. */
export const dns: Check = {
  name: 'DNS',
  async examine({ config }) {
    const named = config.domains.filter(({ name, federation }) => name !== ONION && federation === 'direct')
    const resolver = new Resolver({ timeout: 5000, tries: 2 })
    if (config.s2s.direct_resolvers.length > 0) {
      resolver.setServers(config.s2s.direct_resolvers.map(({ host, port }) => host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`))
    }
    return (await Promise.all(named.map(({ name }) => ofDomain(name, config, resolver)))).flat()
  },
}

async function ofDomain(name: string, { listeners }: Config, resolver: Resolver): Promise<Finding[]> {
  const open = listeners.filter(({ address, domains, port }) => domains.includes(name) && port !== 0 && !(address === '::1' || address.startsWith('127.')))
  const kinds = [...new Set(open.flatMap(({ kind }) => kind === 'https' ? [] : [kind]))] // browsers ask for no SRV
  return await Promise.all(kinds.map(async (kind): Promise<Finding> => {
    const owner = `${SERVICES[kind]}.${domainToASCII(name)}`
    try {
      const records = await resolver.resolveSrv(owner)
      const ports = open.filter((one) => one.kind === kind).map(({ port }) => port)
      return records.some(({ port }) => ports.includes(port)) ? good(`${owner} leads here`)
        : bad(`${owner} leads to port ${records.map(({ port }) => port).join(', ')}, and ${ports.join(', ')} is listened on`, `sotto dns ${name} prints what to publish`)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
      return code === 'ENODATA' || code === 'ENOTFOUND' ? bad(`${owner} is not in DNS`, `sotto dns ${name} prints what to publish`)
        : notice(`${owner} could not be asked for (${code})`, 'Look again later')
    }
  }))
}
