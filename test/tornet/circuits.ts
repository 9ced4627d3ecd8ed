import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'

/** A circuit of a tor to somebody's onion service. */
export interface Circuit {
  readonly id: string
  /** The name by which streams were kept apart in SOCKS (IsolateSOCKSAuth). */
  readonly isolation: string
  /** The targets ("HOST:PORT") of the streams that are on it now. */
  readonly streams: readonly string[]
}

/**
 * The circuits to an onion service that are joined, as the control port tells (control-spec, "GETINFO": circuit-status and
 * stream-status). `runtime` is the folder with the sockets of the server whose tor is asked.
 */
export async function circuitsTo(onion: string, runtime: string): Promise<Circuit[]> {
  const cookie = readFileSync(join(runtime, 'tor-control.cookie')).toString('hex')
  const answer = await ask(join(runtime, 'tor-control.sock'), [`AUTHENTICATE ${cookie}`, 'GETINFO circuit-status', 'GETINFO stream-status', 'QUIT'])
  // "ID STATUS CIRCUIT TARGET ..."
  const streams = linesOf(answer, 'stream-status').map((line) => line.split(' ')).filter(([, status]) => status === 'SUCCEEDED')
  return linesOf(answer, 'circuit-status')
    .filter((line) => line.includes(' PURPOSE=HS_CLIENT_REND ') && line.includes(` REND_QUERY=${onion.replace('.onion', '')} `))
    .map((line) => {
      const [id = ''] = line.split(' ')
      return {
        id,
        isolation: / SOCKS_USERNAME="([^"]*)"/.exec(line)?.[1] ?? '',
        streams: streams.filter(([, , circuit]) => circuit === id).map(([, , , target = '']) => target),
      }
    })
}

/** Everything that is answered until the connection is closed. */
function ask(socket: string, commands: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    connect(socket).setEncoding('utf8').on('data', (text: string) => { answer += text })
      .on('error', reject).on('close', () => resolve(answer))
      .end(commands.map((command) => `${command}\r\n`).join(''))
  })
}

/** A value of one line, or of several that end with a dot (control-spec, "Replies"). */
function linesOf(answer: string, key: string): string[] {
  const [, single, several = ''] = new RegExp(`^250(?:-${key}=(.*)|\\+${key}=\\r\\n(.*?)^\\.)\\r$`, 'ms').exec(answer) ?? []
  return (single ?? several).split('\r\n').filter((line) => line !== '')
}
