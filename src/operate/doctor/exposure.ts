import { ONION } from '../../config/domain-name.ts'
import { bad, good, notice, type Check, type Finding } from './finding.ts'

/** Which listeners others can reach, and what that says of where the server is. */
export const exposure: Check = {
  name: 'Listeners',
  examine({ config: { listeners } }) {
    const open = listeners.filter(({ address }) => !(address === '::1' || address.startsWith('127.')))
    if (open.length === 0) return [good('All of them are for this machine alone')]
    const linked = open.some(({ domains }) => domains.includes(ONION) && domains.length > 1)
    const findings = open.map(({ kind, address, port, domains }): Finding => domains.includes(ONION)
      ? bad(`${address}:${port} (${kind}) serves the onion domain: whoever scans the net finds out where it is`, 'Take "onion" out of its domains, or bind it to 127.0.0.1')
      : good(`${address}:${port} (${kind}) can be reached by others, for ${domains.join(', ')}`))
    return linked ? [...findings, notice('A listener names the onion and a DNS name: the two are linked', 'Give each its own, unless you mean it')] : findings
  },
}
