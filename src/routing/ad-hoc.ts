import type { Blank } from '../xmpp/data-form.ts'
import type { Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { StanzaError } from '../xmpp/stanza-error.ts'
import type { ServedDomain } from './domains.ts'
import type { Session } from './sessions.ts'

/** Who asks for a command: a client of ours, and never anybody else, at the address of its own domain. */
export interface AdHocAsker {
  readonly session: Session
  /** The bare JID. */
  readonly account: Jid
  readonly domain: ServedDomain
}

/** A command that a person runs in a client that knows nothing of it (XEP-0050); xep/0050-ad-hoc.ts speaks the protocol. */
export interface AdHocCommand {
  /** By which it is asked for; no two have the same. */
  readonly node: string
  /** For the client's menu. */
  readonly name: string
  /** For everybody else there is no such command. Asked at each step. */
  mayUse(asker: AdHocAsker): boolean
  begin(asker: AdHocAsker): AdHocStep | Promise<AdHocStep>
}

/** A form, what was filled in: no value at all is an empty list. */
export type Filled = (field: string) => readonly string[]

/** A form to be filled in, or, where it has no fields, something to be agreed to. */
export interface AdHocStage {
  readonly formType: string
  readonly title: string
  readonly instructions: string
  readonly fields: readonly Blank[]
  /** Whether what it stands for is done once it is sent back. */
  readonly isLast: boolean
  /** Called once for each time that it comes back, with all fields that are required. */
  submit(filled: Filled): AdHocStep | Promise<AdHocStep>
}

/** It is over: with a word on how it went, or what it was asked for. */
export interface AdHocEnd {
  readonly done: {
    readonly note?: { readonly type: 'info' | 'warn' | 'error', readonly text: string }
    readonly result?: Element
  }
}

/** What was filled in is not what the form asks for: it can be sent again. */
export const BAD_PAYLOAD = Symbol('bad payload')

/** A refusal ends nothing: the form can be sent again with something else in it. */
export type AdHocStep = AdHocStage | AdHocEnd | StanzaError | typeof BAD_PAYLOAD
