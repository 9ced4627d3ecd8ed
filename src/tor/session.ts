import type { Clock } from '../clock.ts'
import { Control, type ControlOwner } from './control.ts'
import { parseArguments, type ControlEvent } from './control-reply.ts'
import { TorProcess, checkVersion } from './process.ts'
import type { TorEndpoint } from './socks5.ts'
import { TorError } from './tor-error.ts'
import type { TorFiles } from './torrc.ts'

/** Our own tor is spawned, unless there is the control endpoint of another one. */
export interface SessionSettings {
  readonly program: string
  readonly torrc: string
  readonly files: TorFiles
  readonly foreign: TorEndpoint | undefined
}

/** From the spawn until the control socket answers: tor reads its caches first. */
const CONTROL_MILLISECONDS = 30_000
const POLL_MILLISECONDS = 25

/** One life of a tor: from the spawn (if it is ours) and the authenticated control connection to the end of either. */
export class TorSession {
  readonly control: Control
  readonly version: string
  readonly socks: TorEndpoint | undefined
  readonly process: TorProcess | undefined
  /** Resolves when the control connection has ended and our process is gone; says why. */
  readonly ended: Promise<TorError>

  private constructor(control: Control, version: string, socks: TorEndpoint | undefined, process: TorProcess | undefined, ended: Promise<TorError>) {
    this.control = control
    this.version = version
    this.socks = socks
    this.process = process
    this.ended = ended
  }

  /**
   * Resolves when tor is authenticated, new enough, bound to our life (if it is ours) and sends its events.
   *
   * @throws TorError, with nothing left running; soon, too, when `signal` is aborted
   */
  static async open(settings: SessionSettings, event: (event: ControlEvent) => void, clock: Clock, signal: AbortSignal): Promise<TorSession> {
    const { files, foreign } = settings
    const process = foreign === undefined ? await TorProcess.spawn(settings.program, files, settings.torrc, clock) : undefined
    let control: Control | undefined
    const abort = () => control?.close()
    signal.addEventListener('abort', abort)
    try {
      const owner = new Listener(event)
      control = process === undefined || foreign !== undefined
        ? await Control.connect(foreign ?? { path: files.control }, owner, clock)
        : await connectWhenReady(process, files, owner, clock, signal)
      signal.throwIfAborted()
      await control.authenticate(process === undefined ? undefined : files.cookie)
      if (process !== undefined) await control.takeOwnership()
      const version = await control.version()
      checkVersion(version)
      await control.subscribe()
      const socks = process === undefined ? socksListener(await control.getInfo('net/listeners/socks')) : { path: files.socks }
      return new TorSession(control, version, socks, process, owner.gone.then((error) => outcome(error, process, files)))
    } catch (error) {
      control?.close()
      await process?.stop()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Ends our tor, or leaves the other one alone. */
  async close(): Promise<void> {
    await this.process?.stop()
    this.control.close()
    await this.ended
  }
}

class Listener implements ControlOwner {
  readonly gone: Promise<TorError>
  readonly event: (event: ControlEvent) => void
  #resolve: (error: TorError) => void = () => {}

  constructor(event: (event: ControlEvent) => void) {
    this.event = event
    this.gone = new Promise((resolve) => { this.#resolve = resolve })
  }

  closed(error: TorError): void {
    this.#resolve(error)
  }
}

/** The control socket is there a moment after the process; there is no other sign of it. */
async function connectWhenReady(process: TorProcess, files: TorFiles, owner: ControlOwner, clock: Clock, signal: AbortSignal): Promise<Control> {
  const deadline = clock.elapsed() + CONTROL_MILLISECONDS
  for (;;) {
    try {
      return await Control.connect({ path: files.control }, owner, clock)
    } catch (error) {
      if (!process.running) throw exited(await process.exited, files)
      if (signal.aborted || clock.elapsed() >= deadline) throw error
      await new Promise<void>((resolve) => { clock.after(POLL_MILLISECONDS, resolve) })
    }
  }
}

/** When tor dies, its end says more than that of the connection. */
async function outcome(error: TorError, process: TorProcess | undefined, files: TorFiles): Promise<TorError> {
  if (process === undefined) return error
  await process.stop()
  return exited(await process.exited, files)
}

function exited(how: string, files: TorFiles): TorError {
  return new TorError('tor-exited', `tor ended (${how}): ${files.log} says why`, files.log)
}

/** GETINFO net/listeners/socks: quoted "address:port" and "unix:path", of which the first is as good as any. */
function socksListener(listeners: string): TorEndpoint | undefined {
  const [first = ''] = parseArguments(listeners).words
  return parseEndpoint(first.startsWith('unix:') ? first.slice('unix:'.length) : first)
}

/** "/a/path" or "host:port", an IPv6 host in brackets; undefined where it is neither. */
export function parseEndpoint(text: string): TorEndpoint | undefined {
  if (text.startsWith('/')) return { path: text }
  const [, bracketed, host = bracketed, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) return undefined
  return { host, port: Number(port) }
}
