import type { Hono } from 'hono'
import type { PasswordCheck } from '../auth/password-check.ts'
import type { Sides } from '../auth/sides.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/schema.ts'
import type { Log, LogLevel } from '../log.ts'
import type { AccountLife } from '../registration/account-life.ts'
import type { RegistrationOffice } from '../registration/application.ts'
import type { FormTokens } from './form-token.ts'
import type { HttpSettings } from './http-server.ts'
import type { PageEnvironment } from './page.ts'
import type { Texts } from './texts.ts'

export interface WebSettings {
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  readonly office: RegistrationOffice
  readonly accounts: AccountLife
  /** Is it this account's password? Of each side. */
  readonly passwords: Sides<PasswordCheck>
  readonly logState: () => LogState
  readonly upgrade?: HttpSettings['upgrade']
}

/** How much is logged at the moment. */
export interface LogState {
  readonly level: LogLevel
  /** Undefined while the configured level holds. */
  readonly raised: { /** Milliseconds since the epoch. */ readonly until: number } | undefined
}

/** What the pages are made from. */
export interface Premises extends WebSettings {
  readonly tokens: FormTokens
  readonly texts: Texts
}

/** Adds pages; each file of pages/ has one such function. */
export type Pages = (site: Hono<PageEnvironment>, premises: Premises) => void
