import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Account {
  /** Bare. */
  readonly jid: string
  readonly password: string
}

/** Where a client connects to, apart from the domain in its JID. */
export interface Door {
  readonly host: string
  readonly port: number
  /** STARTTLS, trusting this PEM file alone. Without it nothing is trusted, nor needs to be: for onions. */
  readonly authority?: string
  /** tor's SocksPort on 127.0.0.1: the program's proxy, or under torsocks all that it reaches. */
  readonly socksPort?: number
}

/**
 * A user at somebody else's chat client. Each method does what the user types, and waits until the screen says that
 * it has happened; it throws with the screen where that does not come.
 */
export interface ChatClient {
  /** Asks for the contact's presence, which also puts it on the roster. */
  addContact(jid: string): Promise<void>
  /** Answers the contact's own request, once it is on the screen. */
  acceptContact(jid: string): Promise<void>
  seesOnline(jid: string): Promise<void>
  startOtr(peer: string): Promise<void>
  /** Waits until the conversation with the peer is shown as encrypted. */
  seesOtr(peer: string): Promise<void>
  say(peer: string, text: string): Promise<void>
  /** Waits until the text is shown as received and decrypted. */
  sees(peer: string, text: string): Promise<void>
  /** Waits for the line with which the client tells its user that a message was refused. */
  seesRefusal(peer: string): Promise<void>
  screen(): Promise<string>
  /** Leaves the screen in the results, for a failure that lies elsewhere. */
  keepScreen(): Promise<void>
  stop(): Promise<void>
}

/** Milliseconds until a client has shown what it should; circuits of a private network answer within a few seconds. */
export const PATIENCE = 30_000

/** What the refusal says to users (docs/specifications.md). */
export const REFUSAL = {
  body: '[not sent: OTR required]',
  text: 'Unencrypted messages are not allowed on this server. Start an OTR session first.',
} as const

/** A home that nothing of the user's own reaches, and nothing of which outlives the client. */
export async function newHome(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sotto-client-')) // 0700 by mkdtemp's contract
}

/** The command as it runs for this door, and what torsocks must know. */
export async function throughDoor(
  door: Door,
  home: string,
  command: readonly string[],
): Promise<{ command: readonly string[], environment: Readonly<Record<string, string>> }> {
  const environment = { HOME: home, XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config') }
  if (door.socksPort === undefined) return { command, environment }
  const settings = join(home, 'torsocks.conf')
  await writeFile(settings, `TorAddress 127.0.0.1\nTorPort ${door.socksPort}\nIsolatePID 1\n`)
  return { command: ['torsocks', ...command], environment: { ...environment, TORSOCKS_CONF_FILE: settings } }
}

/** A pattern that matches exactly this text. */
export function literally(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
