import packet, { type Answer, type DecodedPacket, type Packet } from 'dns-packet'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

/** What the server sends back for a question: the message without length, or undefined for silence. */
export type Reply = (asked: DecodedPacket) => Buffer | undefined

export interface DnsServer {
  readonly port: number
  /** Names and types asked for so far, e.g. 'capulet.lit A'. */
  readonly asked: readonly string[]
  /** TCP connections so far. */
  readonly connections: readonly Socket[]
}

/** A DNS server, over UDP and TCP, that says what the test wants: on loopback, or at an address of its own. */
export async function dnsServer(t: { after(end: () => void): void }, reply: Reply, at = { host: '127.0.0.1', port: 0 }): Promise<DnsServer> {
  const asked: string[] = []
  const connections: Socket[] = []
  const answer = (message: Buffer): Buffer | undefined => {
    const decoded = packet.decode(message)
    asked.push(decoded.questions.map(({ name, type }) => `${name} ${type}`).join())
    return reply(decoded)
  }
  const tcp = createServer((socket) => {
    connections.push(socket.on('error', () => {}))
    let received = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const message = answer(received.subarray(2))
      if (message !== undefined) socket.write(Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]))
    })
  }).listen(at.port, at.host)
  await once(tcp, 'listening')
  const address = tcp.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const udp = createSocket('udp4', (message, { address: host, port: from }) => {
    const sent = answer(message)
    if (sent !== undefined) udp.send(sent, from, host)
  }).bind(port, at.host)
  await once(udp, 'listening')
  t.after(() => {
    for (const socket of connections) socket.destroy()
    tcp.close()
    udp.close()
  })
  return { port, asked, connections }
}

/** An honest answer with these records, changed as the test wants. */
export function answer(asked: DecodedPacket, answers: readonly Answer[], changes: Partial<Packet> = {}): Buffer {
  return packet.encode({ id: asked.id, type: 'response', flags: 0, questions: asked.questions, answers, ...changes })
}

export const NXDOMAIN = 3
export const SERVFAIL = 2
export const REFUSED = 5
export const TRUNCATED = 1 << 9

export function srv(name: string, target: string, { port = 5269, priority = 0, weight = 0 } = {}): Answer {
  return { name, type: 'SRV', ttl: 60, data: { priority, weight, port, target } }
}

export function address(name: string, data: string): Answer {
  return { name, type: data.includes(':') ? 'AAAA' : 'A', ttl: 60, data }
}

export function alias(name: string, data: string): Answer {
  return { name, type: 'CNAME', ttl: 60, data }
}
