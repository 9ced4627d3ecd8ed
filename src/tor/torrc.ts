import { join } from 'node:path'
import { TorError } from './tor-error.ts'

/** The files of one tor of ours. Two folders, so that what is kept and what is gone after a reboot do not mix. */
export class TorFiles {
  readonly directory: string
  readonly torrc: string
  /** Empty: instead of the system's defaults, which on Debian change the user. */
  readonly defaults: string
  readonly log: string
  readonly state: string
  readonly control: string
  readonly cookie: string
  readonly socks: string

  /** `directory` is kept between runs, `runtime` holds sockets. @throws TorError where a path cannot be written in a torrc */
  constructor(directory: string, runtime: string) {
    this.directory = directory
    this.torrc = join(directory, 'torrc')
    this.defaults = join(directory, 'torrc-defaults')
    this.log = join(directory, 'tor.log')
    this.state = join(directory, 'state')
    this.control = join(runtime, 'tor-control.sock')
    this.cookie = join(runtime, 'tor-control.cookie')
    this.socks = join(runtime, 'tor-socks.sock')
    for (const path of [this.state, this.control, this.cookie, this.socks]) quotePath(path)
    for (const path of [this.control, this.socks]) checkLength(path)
  }
}

/**
 * The configuration of the tor we spawn. A later line wins over an earlier one, so the order is: what we ship, what
 * only this start knows, what the operator says.
 *
 * `shipped` is the folder torrc.d of this release; `own` the operator's file or ''; `owner` the process whose end
 * must be tor's too.
 */
export function writeTorrc(files: TorFiles, shipped: string, own: string, owner: number): string {
  return [
    '# Written anew by sotto at each start of tor. Your own lines belong into the file that tor.torrc names.',
    `%include ${quotePath(join(shipped, '*.conf'))}`,
    `DataDirectory ${quotePath(files.state)}`,
    'Log notice stdout',
    `ControlPort unix:${quotePath(files.control)}`,
    `CookieAuthFile ${quotePath(files.cookie)}`,
    `SocksPort unix:${quotePath(files.socks)} IsolateSOCKSAuth ExtendedErrors`,
    `__OwningControllerProcess ${owner}`,
    ...own === '' ? [] : [`%include ${quotePath(own)}`],
    '',
  ].join('\n')
}

/** As tor reads it in a torrc, and inside `unix:"..."`. @throws TorError where no quoting is safe */
export function quotePath(path: string): string {
  if (!/["\\\0-\x1f\x7f]/.test(path)) return `"${path}"`
  throw new TorError('path-not-quotable', 'a path for tor holds a quote, a backslash or a control character: rename the folder', path)
}

/** sun_path in unix(7) has 108 bytes, the last of which is 0. */
export function checkLength(socket: string): void {
  if (Buffer.byteLength(socket) <= 107) return
  throw new TorError('path-too-long', 'the path of a unix socket has at most 107 bytes: set files.runtime to a shorter folder', socket)
}
