import { CommandError } from '../routing/command-error.ts'
import type { AccountOutput } from './account.ts'
import type { Operator } from './control-client.ts'

/** Lines that are worked on at a time: hashing a password takes a core for a while, and there are others to serve. */
const AT_A_TIME = 4

export interface BulkResult {
  /** Counted from 1, as in the input. */
  readonly line: number
  /** The JID of the new account and what the operator may want to know of it, or why there is none. */
  readonly outcome: AccountOutput | { readonly refused: string }
}

/**
 * Makes an account for each line `name password` (or `jid password`; the password is all that follows the first
 * space or tab). Empty lines and lines that open with '#' are passed over. Each line is told by itself, in order: a
 * bad one keeps no other from being tried.
 */
export async function* addAccounts(operator: Operator, lines: AsyncIterable<string>): AsyncGenerator<BulkResult> {
  const running: Promise<BulkResult>[] = []
  let line = 0
  for await (const text of lines) {
    line++
    if (/^\s*(#|$)/.test(text)) continue
    running.push(addAccount(operator, line, text))
    const first = running.length >= AT_A_TIME ? running.shift() : undefined
    if (first !== undefined) yield await first
  }
  for (const result of running) yield await result
}

/** Never rejects: a failure is its line's outcome. */
async function addAccount(operator: Operator, line: number, text: string): Promise<BulkResult> {
  // Names hold no space; whether a password ends in one is for whoever chose it.
  const [, account, password] = /^\s*(\S+)[ \t](.+)$/.exec(text) ?? []
  if (account === undefined || password === undefined) {
    return { line, outcome: { refused: 'write: name, space, password' } }
  }
  try {
    const made = await operator.run('account add', { account, password }) as AccountOutput // what that command answers
    return { line, outcome: made }
  } catch (error) {
    return { line, outcome: { refused: error instanceof CommandError ? error.message : 'the server failed' } }
  }
}
