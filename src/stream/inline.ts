import type { SaslContext, SaslExchange } from '../auth/mechanism.ts'
import type { Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Stream } from './stream.ts'

/** What a client said beside its login (XEP-0388 §2.3). */
export interface Login {
  /** The whole <authenticate/>, for whoever asked for something in it. */
  readonly request: Element
  /** The name of the mechanism by which the account was proved. */
  readonly mechanism: string
  /** Names one installation of a client, as it says; undefined where it does not. Never shown to anybody. */
  readonly agent: string | undefined
}

/** What became of what was asked for inside <authenticate/>. */
export interface Performed {
  /** For <success/>. */
  readonly elements?: readonly Element[]
  /** The full JID, where the stream has one now. */
  readonly jid?: Jid
  /** Nothing further that was asked for is done: a resumed session has all it had (XEP-0386 §4.2). */
  readonly settled?: true
  /** Called when <success/> and the features after it are written: what the session is sent comes behind them. */
  afterwards?(): void
}

/**
 * Something that a client may ask for together with its login, in the same round trip (XEP-0388 §2.1): it is done once the
 * client has proved who it is, before it is told so. The order of the list is the order in which they are done.
 */
export interface InlineFeature {
  /** What stands in <inline/>; undefined where this stream is not offered it. */
  offer(stream: Stream): Element | undefined
  /** The exchange, where the login is by a mechanism that this feature brings. @returns undefined where it is none of its own */
  start?(name: string, context: SaslContext, login: Login): SaslExchange | undefined
  /** Undefined where the client did not ask for it, or cannot have it. Whoever calls has set the stream's account. */
  perform(stream: Stream, login: Login): Performed | undefined | Promise<Performed | undefined>
}
