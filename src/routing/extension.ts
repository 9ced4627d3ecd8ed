/**
 * THE CONTRACT between the house and its extensions. im/, policy/ and xep/ are extensions alike, and so are the
 * parts of auth/ and s2s/ that own tables. docs/HACKING.md shows in seven steps how one is added.
 *
 * On purpose there are no priorities (the order of extensions.ts is the order), no event bus, no unloading
 * (a restart is the reload), and no way from one extension to another: what two of them share goes one floor down
 * and gets a name.
 */
import type { StorageKey } from '../auth/sealing.ts'
import type { Clock } from '../clock.ts'
import type { Config, DomainConfig } from '../config/schema.ts'
import type { Log } from '../log.ts'
import type { Database, Migration } from '../store/database.ts'
import type { Stream } from '../stream/stream.ts'
import type { StreamFeature } from '../stream/feature.ts'
import type { InlineFeature } from '../stream/inline.ts'
import type { Element } from '../xml/element.ts'
import type { Identity } from '../xmpp/disco-info.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { StanzaError } from '../xmpp/stanza-error.ts'
import type { AdHocCommand } from './ad-hoc.ts'
import type { Audience } from './audience.ts'
import type { CommandProgress } from './command-progress.ts'
import type { ServedDomain, ServedDomains } from './domains.ts'
import type { Envelope, StanzaKind } from './envelope.ts'
import type { AccountHooks, SealHooks, ServerHooks, SessionHooks } from './hooks.ts'
import type { Clause, Implementation } from './implementation.ts'
import type { Operators } from './operators.ts'
import type { Requests } from './requests.ts'
import type { Session, Sessions } from './sessions.ts'

/** The stanza goes no further, and nobody is told. */
export const DROP = Symbol('drop')

/** An IQ result without content. */
export const EMPTY = Symbol('empty')

/**
 * What a rule says of a stanza: nothing (it passes), that it is dropped in silence, that it is refused with an
 * error to its sender, or what goes on in its place: rebuilt stanzas, in order, from the same sender to the same
 * address (none: it is held).
 */
export type Verdict = undefined | typeof DROP | StanzaError | { readonly deliver: readonly Element[] }

/** Synchronous by type: nothing on a stanza's way may wait. A rule that throws is a bug; the stanza is refused. */
export interface Rule {
  readonly kinds: readonly StanzaKind[]
  judge(envelope: Envelope): Verdict
}

/** Sees every stanza that is about to be delivered to a local account or server address; may copy, never refuse. */
export interface Observer {
  readonly kinds: readonly StanzaKind[]
  observe(envelope: Envelope): void
}

/** An IQ request that this server answers. */
export interface Iq {
  readonly envelope: Envelope
  readonly from: Jid
  readonly to: Jid
  /** The one child element of the request. */
  readonly payload: Element
  /** The session that asks, where it is one of ours. */
  readonly session: Session | undefined
}

/** The handler has answered already: something had to follow the answer. */
export const ANSWERED = Symbol('answered')

/** The result's one child element, EMPTY, or a refusal. A promise is allowed here and nowhere else on a stanza's way. */
export type IqAnswer = Element | typeof EMPTY | typeof ANSWERED | StanzaError

/** Which requests a handler answers; no two extensions own the same. */
export interface IqRoute {
  readonly type: 'get' | 'set'
  /** Name and namespace of the payload. */
  readonly name: string
  readonly namespace: string
  /**
   * Which addresses answer: 'server', a served domain; 'account', a bare JID of ours, whoever asks (the handler
   * judges who may); 'own', the sender's own account alone: everybody else gets `forbidden`, whether or not there is
   * such an account. An IQ without `to` is for the sender's own account.
   */
  readonly at: 'server' | 'account' | 'own'
  handle(iq: Iq): IqAnswer | Promise<IqAnswer>
}

/** Nodes of a served domain that somebody may ask for by service discovery (XEP-0030); undefined is: for whom asks there is none. */
export interface DiscoNodes {
  info(iq: Iq, node: string): Element | undefined
  items(iq: Iq, node: string): Element | undefined
}

/** A top-level element that is neither a stanza nor part of negotiation (XEP-0360). */
export interface NonzaRoute {
  readonly name: string
  readonly namespace: string
  /** Whose streams: those of clients once bound, or those of servers from the start (dialback comes before trust). */
  readonly on: 'client' | 'server'
  /** `session` is the one that is bound on the stream; undefined on streams of servers. @throws StreamError */
  handle(stream: Stream, nonza: Element, session: Session | undefined): void
}

/** What a client may have on from the moment in which its resource is bound (XEP-0386 §4.1). */
export interface BindFeature {
  /** As the stream features name it. */
  readonly feature: string
  /** Of the child of <bind/> that asks for it. */
  readonly name: string
  readonly namespace: string
  /** Called before the client is told of its resource: what it is sent comes after that. The answer stands in <bound/>. */
  enable(session: Session, stream: Stream, request: Element): Element | undefined
}

/** A command of the `sotto` program, run inside the server, or on the database alone where no server runs. */
export interface CommandRoute {
  /** e.g. 'account add' */
  readonly name: string
  /** Said where the answer is in the memory of a running server: then there is none where no server runs. */
  readonly ofRunningServer?: true
  /**
   * Arguments as JSON from the control socket: to be checked. The answer is JSON, too. Throw CommandError to refuse.
   * `onProgress` is there where somebody waits at a terminal; a command that takes no while does not call it.
   */
  run(input: unknown, onProgress?: (progress: CommandProgress) => void): unknown | Promise<unknown>
}

/** A page of the web server; its shape is settled when the web room is built. */
export interface PageRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
}

/** Delivers to the accounts and addresses of this server; im/ is it. */
export interface Delivery {
  /** A message or presence to an address of ours, or an IQ to a full JID. A refusal is answered to the sender. */
  deliver(envelope: Envelope): StanzaError | undefined
  /** A client's presence without `to` (RFC 6121 §4.2.2, §4.4.2, §4.5.2). */
  broadcast(envelope: Envelope): StanzaError | undefined
  /** Two accounts see each other from now on, as if each had asked and agreed; a full roster takes nobody. */
  befriend(one: Jid, other: Jid): Promise<void>
  readonly audience: Audience
}

/** Delivers to domains that are not ours; s2s/ is it. */
export interface Remote {
  /** Takes the stanza (it may then be bounced later, once) or says at once why it cannot. */
  send(envelope: Envelope): StanzaError | undefined
}

/** Delivers to domains that other programs on this machine answer for; component/ is it. */
export interface Neighbors {
  /** Undefined where that domain of ours has no such neighbor. */
  of(local: string, domain: string): Remote | undefined
}

/** What an extension does, as `install` returns it. After boot nothing is added. */
export interface Handlers {
  readonly iq?: readonly IqRoute[]
  /**
   * The policy stage: before all other rules, exactly once per stanza, whatever its origin and wherever it goes.
   * It fails closed: a policy that throws refuses the stanza.
   */
  readonly policy?: readonly Rule[]
  /**
   * For stanzas from accounts of ours: those that their clients send, and those that the server sends in their name
   * (origin 'server': presence broadcast, answers to probes). Blocking hides from both.
   */
  readonly outgoing?: readonly Rule[]
  /** For stanzas to served domains and their accounts. */
  readonly incoming?: readonly Rule[]
  readonly observe?: readonly Observer[]
  readonly nonzas?: readonly NonzaRoute[]
  readonly bindFeatures?: readonly BindFeature[]
  /** Besides <bind/>, what may be asked for with the login; done in this order, before it. */
  readonly inline?: readonly InlineFeature[]
  readonly session?: SessionHooks
  readonly account?: AccountHooks
  readonly servers?: ServerHooks
  readonly seals?: SealHooks
  /** Besides those of the extension itself, which are the same in every house. */
  readonly streamFeatures?: NonNullable<Extension['streamFeatures']>
  readonly commands?: readonly CommandRoute[]
  readonly adHoc?: readonly AdHocCommand[]
  readonly discoNodes?: DiscoNodes
  readonly pages?: readonly PageRoute[]
  /** One extension of all delivers here, and one elsewhere. */
  readonly delivery?: Delivery
  readonly remote?: Remote
  /** Asked before `remote` is. */
  readonly neighbors?: Neighbors
}

/** What the house gives to an extension. */
export interface Host {
  readonly config: Config
  readonly database: Database
  /** For secrets in the extension's tables; see SealHooks. */
  readonly key: Pick<StorageKey, 'seal' | 'open'>
  readonly domains: ServedDomains
  readonly sessions: Sessions
  readonly requests: Requests
  readonly accounts: AccountDirectory
  readonly router: StanzaRouter
  readonly operators: Operators
  readonly audience: Audience
  /** As Delivery has it: for an account and whoever invited it (XEP-0401 §3). */
  befriend(one: Jid, other: Jid): Promise<void>
  /** The hooks of all extensions, for s2s/ to call. */
  readonly servers: Required<ServerHooks>
  readonly clock: Clock
  readonly log: Log
  /** Features that all extensions declared. */
  readonly features: { readonly server: readonly string[]; readonly account: readonly string[] }
  /** Identities, too, besides what a server and an account are by themselves. */
  readonly identities: { readonly server: readonly Identity[]; readonly account: readonly Identity[] }
  /** Of all extensions; complete once all are installed. */
  readonly adHoc: ReadonlyMap<string, AdHocCommand>
  readonly discoNodes: DiscoNodes
  /** Forms that all extensions declared for a served domain. */
  forms(domain: ServedDomain): readonly Element[]
  /** What several extensions share, of a hall below them: one for the whole house, made for the first who asks. */
  shared<T extends object>(kind: new (host: Host) => T): T
}

/** Which bare JIDs are accounts here. Synchronous and cheap: it is asked for every stanza to an absent account. */
export interface AccountDirectory {
  exists(account: Jid): boolean
}

/** The way into the house for every stanza; routing/router.ts is it. */
export interface StanzaRouter {
  /** The whole way: policy, rules, delivery or a remote server. A refusal is answered to the sender. */
  submit(envelope: Envelope): void
  /**
   * The way of a stanza that the server itself makes or copies (presence broadcast, probes, pushes to contacts):
   * no policy, then as `submit`. Never for content that a client or remote server chose and
   * policy has not seen.
   */
  forward(envelope: Envelope): void
  /** A stanza of a client of ours, or one that `Remote` took, was not delivered: its sender is told, unless it is an answer. */
  bounce(envelope: Envelope, error: StanzaError): void
}

/** A part of the server: what it is, as data, and `install`, which says what it does. */
export interface Extension {
  /** Also the owner's name of its migrations in the database: never renamed. */
  readonly name: string
  readonly implements: readonly Implementation[]
  /** What its specifications demand of a server. */
  readonly clauses?: readonly Clause[]
  /** disco#info features of a served domain, and of an account's bare JID. */
  readonly features?: { readonly server?: readonly string[]; readonly account?: readonly string[] }
  readonly identities?: { readonly server?: readonly Identity[]; readonly account?: readonly Identity[] }
  /** disco#info forms of a served domain (XEP-0128), from what is configured: what is told is what is done. */
  forms?(config: Config, domain: ServedDomain): readonly Element[]
  /** The profiles of `domains.policy` that its policy rules enforce: a domain of which nobody does is not served. */
  readonly enforces?: readonly DomainConfig['policy'][]
  readonly migrations?: readonly Migration[]
  /** Offered on streams of clients, and on those of servers. */
  readonly streamFeatures?: {
    readonly client?: readonly StreamFeature<Stream>[]
    readonly server?: readonly StreamFeature<Stream>[]
  }
  /** Called once, after all migrations. */
  install(host: Host): Handlers
}
