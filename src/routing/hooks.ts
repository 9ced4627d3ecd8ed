import type { StorageKey } from '../auth/sealing.ts'
import type { Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Session } from './sessions.ts'

/** What befalls a client's session. What a hook throws is logged and keeps nobody from the others. */
export interface SessionHooks {
  /** The resource is bound; nothing was sent by it yet. */
  bound?(session: Session): void
  /** It sent its initial presence (RFC 6121 §4.2). */
  available?(session: Session): void
  /** It is gone, for whatever reason, and can be sent nothing any more. Called once per bound session. */
  ended?(session: Session): void
  /** A stanza came by its stream; called before anything else sees it, malformed addresses included (XEP-0198 §5). */
  received?(session: Session, stanza: Element): void
  /**
   * A stanza is about to be given to the client. True keeps it back: it is the extension's own then, to be sent later
   * or dropped with the session.
   */
  withholds?(session: Session, stanza: Element): boolean
  /** A stanza was given to its stream, or waits for the next one. */
  sent?(session: Session, stanza: Element): void
  /** Its stream broke and it goes on by another, which was told already all that it had missed (XEP-0198 §5). */
  resumed?(session: Session): void
}

/** What befalls an account. */
export interface AccountHooks {
  created?(account: Jid): void
  /**
   * Everything the extension holds of the account goes, inside the caller's transaction. What it returns is called once
   * that is on disk, while who had the account is not told yet.
   */
  deleted?(account: Jid): (() => void) | undefined
  /** It has another password: what else opens the account goes, inside the caller's transaction. */
  passwordChanged?(account: Jid): void
  /**
   * The domain of the account is called `renamed.domain` from now on, as it is called by its onion address and has
   * another key. What the extension holds of the account, and of others of that domain, gets the new name, inside the
   * caller's transaction and before anybody is served. Other domains know the name before, and are told nothing.
   */
  renamed?(account: Jid, renamed: Jid): void
  /** All that is stored of the account, every row of every table, as JSON values by table; a person may ask for it. */
  exported?(account: Jid): Readonly<Record<string, unknown>>
  /** As much of it as another server can take over: children of `user` in the format of XEP-0227. */
  portable?(account: Jid): readonly Element[]
}

/** For what an extension keeps sealed under the storage key (`Host.key`). */
export interface SealHooks {
  /**
   * The storage key changes: all of it is opened with `old` and sealed with `next`, inside the caller's transaction,
   * which nobody else's write comes between. What throws keeps the old key. Writes seal inside their own transaction,
   * as the key may change before it begins.
   */
  resealed(old: StorageKey, next: StorageKey): void
}

/** What befalls the way from a domain of ours to another server's. What a hook throws is logged, as of sessions. */
export interface ServerHooks {
  /** It broke, or could not be found: whom we knew there may be gone. It may be said again as long as that lasts. */
  lost?(local: string, remote: string): void
  /** It is there: we know each other. Said each time, whether it was lost before or not. */
  found?(local: string, remote: string): void
}
