import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** How long a test waits for what must come, in milliseconds. */
const PATIENCE = 20_000

/** How a browser reaches a site. */
export interface Way {
  readonly address: NetConnectOpts
  /** The header Host. */
  readonly host: string
  /** By an onion: which circuit tor names in its first line. */
  readonly circuit?: number
  /** By TLS: the name in its hello; '' is none. */
  readonly serverName?: string
}

export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  /** Every byte that came. */
  readonly raw: string
}

/** Sends bytes as they are, and reads all that comes until the other side ends the connection. */
export async function exchange(way: Way, text: string | Buffer): Promise<Answer> {
  const socket = await reach(way)
  socket.write(text)
  return parsed(await everything(socket))
}

/** One request on a connection of its own. `fields` are a form's: it is sent by POST then. */
export function ask(way: Way, path: string, fields?: Readonly<Record<string, string>>, more = ''): Promise<Answer> {
  const body = fields === undefined ? '' : new URLSearchParams(fields).toString()
  const head = fields === undefined ? `GET ${path} HTTP/1.1\r\n`
    : `POST ${path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
  return exchange(way, `${head}Host: ${way.host}\r\n${more}Connection: close\r\n\r\n${body}`)
}

/** A connection on which HTTP can be spoken. */
export async function reach({ address, circuit, serverName }: Way): Promise<Socket> {
  const socket = connect(address)
  socket.on('error', () => {})
  await once(socket, 'connect')
  if (circuit !== undefined) socket.write(`PROXY TCP6 fc00:dead:beef:4dad::0:${circuit.toString(16)} ::1 ${circuit} 80\r\n`)
  if (serverName === undefined) return socket
  const secure = connectTls({ socket, ...serverName === '' ? {} : { servername: serverName }, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  secure.on('error', () => {})
  await Promise.race([once(secure, 'secureConnect'), once(secure, 'close').then(() => { throw new Error('no handshake') })])
  return secure
}

/** All that comes until the other side ends. */
export async function everything(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => { text += chunk })
  let late = false
  const timer = setTimeout(() => {
    late = true
    socket.destroy()
  }, PATIENCE)
  await new Promise((resolve) => socket.once('close', resolve))
  clearTimeout(timer)
  assert.ok(!late, `still open after: ${text}`)
  return Buffer.from(text, 'latin1').toString()
}

export function parsed(raw: string): Answer {
  const end = raw.indexOf('\r\n\r\n')
  const [first = '', ...lines] = raw.slice(0, end === -1 ? raw.length : end).split('\r\n')
  const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1] ?? 0), headers, body: end === -1 ? '' : raw.slice(end + 4), raw }
}

/** What a browser would send of the form in that page, as it came. */
export function fieldsOf(page: string): Record<string, string> {
  return Object.fromEntries([...page.matchAll(/<input\b[^>]*>/g)].map(([tag]) => (
    [/ name="([^"]*)"/.exec(tag)?.[1] ?? '', unescaped(/ value="([^"]*)"/.exec(tag)?.[1] ?? '')])))
}

/** The text of a page without its tags. */
export function textOf(page: string): string {
  return unescaped(page.replace(/<[^>]*>/g, '')).replace(/\s+/g, ' ')
}

function unescaped(text: string): string {
  return text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&amp;/g, '&')
}
