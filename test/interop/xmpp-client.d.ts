/** The part of @xmpp/client 0.14 which we use; the package carries no types. */
declare module '@xmpp/client' {
  import type { EventEmitter } from 'node:events'

  export class Element {
    name: string
    attrs: Record<string, string>
    is(name: string, namespace?: string): boolean
    getChild(name: string, namespace?: string): Element | undefined
    getChildText(name: string): string | null
    getChildElements(): Element[]
    toString(): string
  }

  export interface Client extends EventEmitter {
    readonly status: string
    readonly jid: { toString(): string }
    readonly streamManagement: EventEmitter & { readonly enabled: boolean, readonly id: string }
    readonly iqCaller: { request(iq: Element): Promise<Element> }
    readonly fast: { fetchToken(): Promise<{ mechanism: string } | undefined> }
    start(): Promise<unknown>
    stop(): Promise<unknown>
    /** Of the library, with that of Node, or the WebSocket, inside. */
    readonly socket: { readonly socket: { destroy?(): void, terminate?(): void } }
    send(element: Element): Promise<void>
  }

  export function client(options: Readonly<Record<string, unknown>>): Client
  export function xml(name: string, attrs?: Readonly<Record<string, string>>, ...children: (Element | string)[]): Element
}
