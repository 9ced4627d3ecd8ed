/** The part of granax 3.2 which we use or mend (control.ts says why); the package carries no types. */
declare module 'granax' {
  import type { EventEmitter } from 'node:events'
  import type { Socket } from 'node:net'
  import type { Transform } from 'node:stream'

  type Callback = (error: Error | null, reply?: unknown) => void

  export class TorController extends EventEmitter {
    static createReplySplitter: () => Transform
    constructor(socket: Socket, options?: { readonly authOnConnect?: boolean })
    readonly socket: Socket
    /** Commands without an answer yet, newest first. */
    _stack: { readonly method: string, readonly callback: Callback }[]
    _handleReply(reply: unknown): void
    _handleClose(): void
    _send(command: string, callback: Callback): void
    getProtocolInfo(callback: Callback): void
    getAuthChallenge(nonce: string, callback: Callback): void
    authenticate(token: string, callback: Callback): void
    addEventListeners(events: readonly string[], callback: Callback): void
    getInfo(keyword: string, callback: Callback): void
    resetConfig(keyword: string, callback: Callback): void
    closeCicuit(circuit: string, callback: Callback): void
    destroyHiddenService(serviceId: string, callback: Callback): void
  }
}
