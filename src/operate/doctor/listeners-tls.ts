import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { ListenerConfig } from '../../config/schema.ts'
import { bad, good, type Check, type Finding } from './finding.ts'

const MILLISECONDS = 5000

/** Is TLS spoken on each listener, and how? As a client sees it. */
export const listenersTls: Check = {
  name: 'TLS',
  async examine({ config: { listeners }, status }) {
    if (status === undefined) return []
    return await Promise.all(listeners.filter(({ port }) => port !== 0).map((listener) => ofListener(listener)))
  },
}

async function ofListener(listener: ListenerConfig): Promise<Finding> {
  const { kind, address, port, domains: [domain = ''] } = listener
  const where = `${address}:${port} (${kind})`
  try {
    const secure = await shakeHands(listener, domain)
    const [protocol, cipher] = [secure.getProtocol() ?? 'no protocol', secure.getCipher().standardName]
    secure.destroy()
    return good(`${where}: ${protocol}, ${cipher}`)
  } catch (error) {
    return bad(`${where}: no TLS (${error instanceof Error && 'code' in error ? String(error.code) : 'no answer'})`, 'Is another program on that port? The log tells more')
  }
}

async function shakeHands({ kind, address, port }: ListenerConfig, domain: string): Promise<TLSSocket> {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  const socket = connect({ host, port })
  socket.setTimeout(MILLISECONDS, () => socket.destroy(new Error('too slow')))
  await once(socket, 'connect')
  if (!kind.endsWith('-tls') && kind !== 'https') await askForTls(socket, kind === 'c2s' ? 'jabber:client' : 'jabber:server', domain)
  const secure = connectTls({ socket, ...domain === 'onion' ? {} : { servername: domain }, rejectUnauthorized: false })
  await once(secure, 'secureConnect')
  return secure
}

async function askForTls(socket: Socket, namespace: string, domain: string): Promise<void> {
  socket.write(`<stream:stream to='${domain}' version='1.0' xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams'>`)
  await heard(socket, '</stream:features>')
  socket.write("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
  await heard(socket, '<proceed')
}

async function heard(socket: Socket, words: string): Promise<void> {
  let text = ''
  while (!text.includes(words)) {
    const [chunk] = await once(socket, 'data') as [Buffer]
    text += chunk.toString()
    if (text.length > 16_384 || text.includes('</stream:stream>')) throw new Error('not offered')
  }
}
