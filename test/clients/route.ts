import { connect, type Socket } from 'node:net'

/** Where a test client connects to: a TCP address, a unix socket, or a name behind a SOCKS5 proxy. */
export type Route =
  | { readonly host: string, readonly port: number, readonly socks?: SocksProxy }
  | { readonly path: string }

/** tor's SocksPort. Streams with different `isolation` texts take different circuits (IsolateSOCKSAuth). */
export type SocksProxy = ({ readonly host: string, readonly port: number } | { readonly path: string }) & {
  readonly isolation?: string
}

/**
 * A connected socket. Through SOCKS the name is resolved by tor (RFC 1928, address type 3), never here.
 *
 * @throws Error where nobody answers, or with the proxy's reply code: tor's extended errors are 0xF0 to 0xF7
 */
export async function dial(route: Route, milliseconds: number): Promise<Socket> {
  const socks = 'host' in route ? route.socks : undefined
  const socket = connect(socks ?? route)
  const late = setTimeout(() => socket.destroy(new Error(`no connection within ${milliseconds} ms`)), milliseconds)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    if ('host' in route && socks !== undefined) await askProxy(socket, route.host, route.port, socks.isolation)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(late)
  }
}

async function askProxy(socket: Socket, host: string, port: number, isolation: string | undefined): Promise<void> {
  socket.write(Uint8Array.of(5, 1, isolation === undefined ? 0 : 2))
  if ((await exactly(socket, 2))[1] === 0xff) throw new Error('the SOCKS proxy accepts no such authentication')
  if (isolation !== undefined) {
    socket.write(Buffer.concat([Uint8Array.of(1), counted(isolation), counted('x')]))
    if ((await exactly(socket, 2))[1] !== 0) throw new Error('the SOCKS proxy refused the isolation name')
  }
  socket.write(Buffer.concat([Uint8Array.of(5, 1, 0, 3), counted(host), Uint8Array.of(port >> 8, port & 0xff)]))
  // tor always answers with an IPv4 bound address: 4 bytes of head, 4 of address, 2 of port.
  const reply = (await exactly(socket, 10))[1] ?? 0xff
  if (reply !== 0) throw new Error(`the SOCKS proxy could not reach ${host}: reply 0x${reply.toString(16)}`)
}

function counted(name: string): Buffer {
  const bytes = Buffer.from(name)
  return Buffer.concat([Uint8Array.of(bytes.length), bytes])
}

/** The next `count` bytes; what follows them stays in the socket. */
async function exactly(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const take = () => {
      const bytes: Buffer | null = socket.read(count) // null: not enough of them yet
      if (bytes === null || bytes.length < count) return
      settle()
      resolve(bytes)
    }
    const fail = (error?: Error) => {
      settle()
      reject(error ?? new Error('the SOCKS proxy closed the connection'))
    }
    const closed = () => fail()
    const settle = () => {
      socket.off('readable', take).off('error', fail).off('close', closed)
    }
    socket.on('readable', take).on('error', fail).on('close', closed)
    take()
  })
}
