import type { StorageKey } from '../auth/sealing.ts'
import type { Log } from '../log.ts'
import type { InlineFeature } from '../stream/inline.ts'
import type { Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { AdHocCommand } from './ad-hoc.ts'
import type { Envelope, StanzaKind } from './envelope.ts'
import type {
  BindFeature, CommandRoute, Delivery, DiscoNodes, Handlers, IqRoute, Neighbors, NonzaRoute, Observer, PageRoute, Remote, Rule,
} from './extension.ts'
import type { AccountHooks, SealHooks, ServerHooks, SessionHooks } from './hooks.ts'
import type { Session } from './sessions.ts'

type ByKind<T> = Readonly<Record<StanzaKind, T[]>>
type ByName<T> = Map<string, Map<string, T>>

/**
 * All that the extensions handle, collected once at boot: `install` each in the order of extensions.ts, then `seal`.
 *
 * Whatever two extensions both claim is a programmer's error and thrown at boot, never settled by order. Lookups
 * are an array by kind or two map accesses (namespace, then name): no text is joined on a stanza's way.
 */
export class HandlerTables {
  readonly policy: ByKind<Rule> = byKind()
  readonly outgoing: ByKind<Rule> = byKind()
  readonly incoming: ByKind<Rule> = byKind()
  readonly observers: ByKind<Observer> = byKind()
  readonly pages: PageRoute[] = []
  readonly bindFeatures: BindFeature[] = []
  readonly inline: InlineFeature[] = []
  readonly commands = new Map<string, CommandRoute>()
  /** By node. */
  readonly adHoc = new Map<string, AdHocCommand>()
  readonly #discoNodes: DiscoNodes[] = []
  readonly #iq = { server: { get: names<IqRoute>(), set: names<IqRoute>() }, account: { get: names<IqRoute>(), set: names<IqRoute>() } }
  readonly #nonzas = { client: names<NonzaRoute>(), server: names<NonzaRoute>() }
  readonly #sessionHooks: Readonly<Record<keyof SessionHooks, SessionHook[]>> = {
    bound: [], available: [], ended: [], received: [], withholds: [], sent: [], resumed: [],
  }
  readonly #accountHooks: { readonly owner: string; readonly hooks: AccountHooks }[] = []
  readonly #serverHooks: { readonly owner: string; readonly hooks: ServerHooks }[] = []
  readonly #sealHooks: SealHooks[] = []
  readonly #log: Log
  #delivery: Delivery | undefined
  #remote: Remote | undefined
  #neighbors: Neighbors | undefined
  #sealed = false

  constructor(log: Log) {
    this.#log = log
  }

  /** Takes what `owner` handles. @throws Error where another owner has it already, or after `seal`. */
  install(owner: string, handlers: Handlers): void {
    if (this.#sealed) throw new Error(`${owner} is installed after boot`)
    for (const rule of handlers.policy ?? []) for (const kind of rule.kinds) this.policy[kind].push(rule)
    for (const rule of handlers.outgoing ?? []) for (const kind of rule.kinds) this.outgoing[kind].push(rule)
    for (const rule of handlers.incoming ?? []) for (const kind of rule.kinds) this.incoming[kind].push(rule)
    for (const observer of handlers.observe ?? []) for (const kind of observer.kinds) this.observers[kind].push(observer)
    for (const route of handlers.iq ?? []) claim(this.#iq[route.at === 'server' ? 'server' : 'account'][route.type], route, owner)
    for (const route of handlers.nonzas ?? []) claim(this.#nonzas[route.on], route, owner)
    for (const route of handlers.commands ?? []) {
      if (this.commands.has(route.name)) throw new Error(`${owner}: the command ${route.name} has an owner already`)
      this.commands.set(route.name, route)
    }
    for (const command of handlers.adHoc ?? []) {
      if (this.adHoc.has(command.node)) throw new Error(`${owner}: the ad-hoc command ${command.node} has an owner already`)
      this.adHoc.set(command.node, command)
    }
    if (handlers.discoNodes !== undefined) this.#discoNodes.push(handlers.discoNodes)
    this.pages.push(...handlers.pages ?? [])
    this.bindFeatures.push(...handlers.bindFeatures ?? [])
    this.inline.push(...handlers.inline ?? [])
    for (const event of SESSION_EVENTS) {
      const { session: hooks } = handlers
      if (hooks?.[event] !== undefined) {
        this.#sessionHooks[event].push({ owner, call: (session, stanza) => hooks[event]?.(session, stanza) })
      }
    }
    if (handlers.account !== undefined) this.#accountHooks.push({ owner, hooks: handlers.account })
    if (handlers.servers !== undefined) this.#serverHooks.push({ owner, hooks: handlers.servers })
    if (handlers.seals !== undefined) this.#sealHooks.push(handlers.seals)
    if (handlers.delivery !== undefined) this.#delivery = only(this.#delivery, handlers.delivery, `${owner}: delivery`)
    if (handlers.remote !== undefined) this.#remote = only(this.#remote, handlers.remote, `${owner}: remote delivery`)
    if (handlers.neighbors !== undefined) this.#neighbors = only(this.#neighbors, handlers.neighbors, `${owner}: delivery to neighbors`)
  }

  /** Ends the boot: nothing can be installed any more. */
  seal(): void {
    this.#sealed = true
  }

  /** Who delivers to accounts here; undefined where no extension does. */
  get delivery(): Delivery | undefined {
    return this.#delivery
  }

  /** Who delivers from that domain of ours to that other one; undefined where no extension does. */
  remote(local: string, domain: string): Remote | undefined {
    return this.#neighbors?.of(local, domain) ?? this.#remote
  }

  /** Of all extensions: the first that knows the node. */
  readonly discoNodes: DiscoNodes = {
    info: (iq, node) => firstOf(this.#discoNodes, (nodes) => nodes.info(iq, node)),
    items: (iq, node) => firstOf(this.#discoNodes, (nodes) => nodes.items(iq, node)),
  }

  iq(at: 'server' | 'account', type: IqRoute['type'], namespace: string, name: string): IqRoute | undefined {
    return this.#iq[at][type].get(namespace)?.get(name)
  }

  /** Who handles that top-level element on streams of clients, or of servers. */
  nonza(on: NonzaRoute['on'], namespace: string, name: string): NonzaRoute | undefined {
    return this.#nonzas[on].get(namespace)?.get(name)
  }

  /**
   * The hooks of all extensions as one. A hook that throws is logged and keeps nobody from the others: a session that
   * ended must be forgotten everywhere.
   */
  readonly session: Required<SessionHooks> = {
    bound: (session) => this.#tell('bound', session),
    available: (session) => this.#tell('available', session),
    ended: (session) => this.#tell('ended', session),
    received: (session, stanza) => this.#tell('received', session, stanza),
    withholds: (session, stanza) => this.#tell('withholds', session, stanza),
    sent: (session, stanza) => this.#tell('sent', session, stanza),
    resumed: (session) => this.#tell('resumed', session),
  }

  readonly account = {
    created: (account: Jid): void => {
      for (const { hooks } of this.#accountHooks) hooks.created?.(account)
    },
    /** Throws where one of them does: the caller's transaction must not keep a half-deleted account. */
    deleted: (account: Jid): (() => void) => {
      const afterwards = this.#accountHooks.map(({ owner, hooks }) => ({ owner, call: hooks.deleted?.(account) }))
      return () => this.#afterDeletion(afterwards)
    },
    passwordChanged: (account: Jid): void => {
      for (const { hooks } of this.#accountHooks) hooks.passwordChanged?.(account)
    },
    /** Throws where one of them does: an account must not have two names. */
    renamed: (account: Jid, renamed: Jid): void => {
      for (const { hooks } of this.#accountHooks) hooks.renamed?.(account, renamed)
    },
    /** By extension, then by table. */
    exported: (account: Jid): Readonly<Record<string, object>> => {
      const all: Record<string, object> = {}
      for (const { owner, hooks } of this.#accountHooks) {
        const exported = hooks.exported?.(account)
        if (exported !== undefined) all[owner] = exported
      }
      return all
    },
    portable: (account: Jid): readonly Element[] => this.#accountHooks.flatMap(({ hooks }) => hooks.portable?.(account) ?? []),
  } as const satisfies Required<AccountHooks>

  /** Throws where one of them does: a key must not change for some alone. */
  readonly seals: SealHooks = {
    resealed: (old: StorageKey, next: StorageKey): void => {
      for (const hooks of this.#sealHooks) hooks.resealed(old, next)
    },
  }

  readonly servers: Required<ServerHooks> = {
    lost: (local, remote) => this.#tellOfServer('lost', local, remote),
    found: (local, remote) => this.#tellOfServer('found', local, remote),
  }

  #afterDeletion(calls: readonly { readonly owner: string; readonly call: (() => void) | undefined }[]): void {
    for (const { owner, call } of calls) {
      try {
        call?.()
      } catch (cause) {
        this.#log.error('account.hook-failed', { part: owner }, cause)
      }
    }
  }

  #tellOfServer(event: keyof ServerHooks, local: string, remote: string): void {
    for (const { owner, hooks } of this.#serverHooks) {
      try {
        hooks[event]?.(local, remote)
      } catch (cause) {
        this.#log.error('server.hook-failed', { part: owner }, cause)
      }
    }
  }

  /** True where one withholds the stanza: the others are not asked then. */
  #tell(event: 'bound' | 'available' | 'ended' | 'resumed', session: Session): boolean
  #tell(event: 'received' | 'withholds' | 'sent', session: Session, stanza: Element): boolean
  #tell(event: keyof SessionHooks, session: Session, stanza?: Element): boolean {
    for (const { owner, call } of this.#sessionHooks[event]) {
      try {
        const answer = call(session, stanza as Element) // as the overloads say: those that take one get one
        if (event === 'withholds' && answer === true) return true
      } catch (cause) {
        this.#log.error('session.hook-failed', { part: owner }, cause)
      }
    }
    return false
  }

  /** Shows a stanza to all observers of its kind; one that throws is logged and changes nothing. */
  observe(envelope: Envelope): void {
    for (const observer of this.observers[envelope.kind]) {
      try {
        observer.observe(envelope)
      } catch (cause) {
        this.#log.error('router.observer-failed', {}, cause)
      }
    }
  }
}

const SESSION_EVENTS = ['bound', 'available', 'ended', 'received', 'withholds', 'sent', 'resumed'] as const satisfies readonly (keyof SessionHooks)[]

interface SessionHook {
  readonly owner: string
  readonly call: (session: Session, stanza: Element) => boolean | void
}

function byKind<T>(): ByKind<T> {
  return { message: [], presence: [], iq: [] }
}

function names<T>(): ByName<T> {
  return new Map()
}

function claim<T extends { readonly name: string; readonly namespace: string }>(table: ByName<T>, route: T, owner: string): void {
  let routes = table.get(route.namespace)
  if (routes === undefined) table.set(route.namespace, routes = new Map())
  if (routes.has(route.name)) throw new Error(`${owner}: ${route.name} of ${route.namespace} has an owner already`)
  routes.set(route.name, route)
}

function firstOf<T, U>(all: readonly T[], ask: (one: T) => U | undefined): U | undefined {
  for (const one of all) {
    const answer = ask(one)
    if (answer !== undefined) return answer
  }
  return undefined
}

function only<T>(first: T | undefined, second: T, what: string): T {
  if (first !== undefined) throw new Error(`${what} has an owner already`)
  return second
}
