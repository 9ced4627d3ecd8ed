import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { ProxyLine, type ProxiedCircuit } from './proxy-protocol.ts'

/**
 * Reads tor's first line on a connection that came through an onion service, and hands over what it says; nothing listens
 * to the socket any more then. Without such a line in time the connection is destroyed: nobody else can reach this socket.
 */
export function awaitProxyLine(socket: Socket, clock: Clock, milliseconds: number, opened: (proxied: ProxiedCircuit) => void): void {
  const line = new ProxyLine()
  const deadline = clock.after(milliseconds, () => socket.destroy())
  const read = (chunk: Buffer): void => {
    try {
      const proxied = line.push(chunk)
      if (proxied === undefined) return
      deadline.cancel()
      socket.removeAllListeners()
      opened(proxied)
    } catch {
      socket.destroy()
    }
  }
  socket.on('data', read)
  socket.on('end', () => socket.destroy())
  socket.on('error', () => {})
  socket.on('close', () => deadline.cancel())
}
