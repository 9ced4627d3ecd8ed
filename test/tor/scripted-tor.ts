import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../../src/clock.ts'
import { Control } from '../../src/tor/control.ts'
import type { ControlEvent } from '../../src/tor/control-reply.ts'
import type { ControlClosed } from '../../src/tor/tor-error.ts'
import { temporaryFolder } from './installed.ts'

/** What a scripted tor answers to a line: bytes to write, or undefined for silence. */
export type Script = (line: string, connection: Socket) => string | undefined

/** A control connection whose other end is a script, and what was heard at both ends. */
export class ScriptedTor {
  readonly control: Control
  readonly connection: Socket
  readonly heard: readonly string[]
  readonly events: readonly ControlEvent[]
  readonly closed: Promise<ControlClosed>

  private constructor(control: Control, connection: Socket, heard: readonly string[], events: readonly ControlEvent[], closed: Promise<ControlClosed>) {
    this.control = control
    this.connection = connection
    this.heard = heard
    this.events = events
    this.closed = closed
  }

  static async start(test: TestContext, clock: Clock, script: Script): Promise<ScriptedTor> {
    const path = join(temporaryFolder(test), 'control.sock')
    const heard: string[] = []
    const events: ControlEvent[] = []
    const server = createServer().listen(path)
    await once(server, 'listening')
    const accepted = once(server, 'connection') as Promise<[Socket]>
    let closed: (error: ControlClosed) => void = () => {}
    const closing = new Promise<ControlClosed>((resolve) => { closed = resolve })
    const control = await Control.connect({ path }, { event: (event) => events.push(event), closed: (error) => closed(error) }, clock)
    const [connection] = await accepted
    serve(connection, heard, script)
    test.after(() => {
      control.close()
      connection.destroy()
      server.close()
    })
    return new ScriptedTor(control, connection, heard, events, closing)
  }
}

function serve(connection: Socket, heard: string[], script: Script): void {
  let rest = ''
  connection.on('error', () => {})
  connection.on('data', (bytes) => {
    const lines = (rest + bytes.toString()).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      heard.push(line)
      const answer = script(line, connection)
      if (answer !== undefined) connection.write(answer)
    }
  })
}
