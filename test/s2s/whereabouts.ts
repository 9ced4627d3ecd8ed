import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { SystemResolver } from '../../src/net/resolver.ts'
import { TcpResolver } from '../../src/net/tcp-resolver.ts'
import type { DestinationQuestion } from '../../src/s2s/destination.ts'
import { locate, type Location } from '../../src/s2s/location.ts'
import { dnsServer, type Reply } from '../net/dns-server.ts'

/** Two DNS servers on loopback: the machine's, and one that is reached by what stands for Tor here. */
export async function world(t: TestContext, reply: Reply, milliseconds = 10_000) {
  const machine = await dnsServer(t, reply)
  const distant = await dnsServer(t, reply)
  const isolations: string[] = []
  const resolvers = {
    direct: new SystemResolver({ clock: systemClock, milliseconds, servers: [`127.0.0.1:${machine.port}`] }),
    tor: (isolation: string) => new TcpResolver({
      clock: systemClock, milliseconds, isolation, servers: [{ host: '127.0.0.1', port: distant.port }],
      connect: async (host, port, by) => {
        isolations.push(by)
        const socket = connect(port, host)
        await once(socket, 'connect')
        return socket
      },
    }),
  }
  const find = (changes: Partial<DestinationQuestion>): Promise<Location> => locate({
    local: 'capulet.lit', remote: 'montague.lit', policy: 'tor', settings: { tor: true, resolvers: true, onionMap: {} }, random: () => 0, ...changes,
  }, resolvers)
  return { machine, distant, isolations, find }
}

/** In one line. */
export const told = (location: Location): string => location.state === 'refused' ? location.reason
  : location.routes.map(({ via, host, port, tls }) => `${via} ${host}:${port} ${tls}`).join(', ')
