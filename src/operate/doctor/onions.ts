import { join } from 'node:path'
import { systemClock } from '../../clock.ts'
import { connectThroughTor } from '../../tor/socks5.ts'
import { SocksError } from '../../tor/tor-error.ts'
import { bad, good, notice, type Check, type Finding } from './finding.ts'

const CLIENT_PORT = 5222
const MILLISECONDS = 60_000

/** Is each onion reached from outside, by a circuit that nobody else uses? */
export const onions: Check = {
  name: 'Onion services',
  async examine({ config, status }) {
    if (!config.tor.enabled) return [notice('Tor is not used (tor.enabled = false)', 'Without it nobody reaches an onion')]
    if (status === undefined) return [bad('No server runs', 'Start it: sotto start')]
    if (config.tor.control !== '') return [notice('Tor is another\'s (tor.control), so its SOCKS port is not known here', 'Try the address with a client')]
    const proxy = { path: join(config.files.runtime, 'tor-socks.sock') }
    return await Promise.all(status.onions.map(async ({ label, address }): Promise<Finding> => {
      try {
        const request = { proxy, host: address, port: CLIENT_PORT, isolation: `doctor ${address}`, milliseconds: MILLISECONDS }
        const begun = performance.now()
        const socket = await connectThroughTor(request, systemClock)
        socket.destroy()
        return good(`${label} is reached through Tor, in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
      } catch (error) {
        if (!(error instanceof SocksError)) throw error
        return bad(`${label} is not reached through Tor: ${error.condition}`, 'Just started, it takes a minute; else see tor.log in the folder tor of files.data')
      }
    }))
  },
}
