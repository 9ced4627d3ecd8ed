import { execFile } from 'node:child_process'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  PATIENCE, REFUSAL, literally, newHome, throughDoor, type Account, type ChatClient, type Door,
} from './chat-client.ts'
import { Terminal } from './terminal.ts'

const run = promisify(execFile)

/** Somebody at Profanity 0.13, which speaks OTR version 2 only: a console in window 1, conversations in the others. */
export class Profanity implements ChatClient {
  readonly #terminal: Terminal
  readonly #home: string

  private constructor(terminal: Terminal, home: string) {
    this.#terminal = terminal
    this.#home = home
  }

  /** Logs in and makes the OTR key. */
  static async start(account: Account, door: Door): Promise<Profanity> {
    const home = await newHome()
    await configure(account, door, home)
    const { command, environment } = await throughDoor(door, home, ['profanity'])
    const client = new Profanity(await Terminal.start(`profanity-${account.jid}`, command, environment), home)
    try {
      await client.#terminal.waitFor(/logged in successfully, online/, PATIENCE)
      await client.#terminal.type('/otr gen')
      await client.#terminal.waitFor(/Private key generation complete/, PATIENCE)
    } catch (error) {
      await client.stop()
      throw error
    }
    return client
  }

  async addContact(jid: string): Promise<void> {
    await this.#terminal.type(`/roster add ${jid}`)
    await this.#terminal.waitFor(new RegExp(`Roster item added: ${literally(jid)}`), PATIENCE)
    await this.#terminal.type(`/sub request ${jid}`)
    await this.#terminal.waitFor(new RegExp(`Sent subscription request to ${literally(jid)}`), PATIENCE)
  }

  async acceptContact(jid: string): Promise<void> {
    await this.#terminal.waitFor(new RegExp(`Received authorization request from ${literally(jid)}`), PATIENCE)
    await this.#terminal.type(`/sub allow ${jid}`)
    await this.#terminal.waitFor(new RegExp(`Accepted subscription for ${literally(jid)}`), PATIENCE)
  }

  async seesOnline(jid: string): Promise<void> {
    await this.#terminal.waitFor(new RegExp(`${literally(jid)} .*is online`), PATIENCE)
  }

  async startOtr(peer: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.type('/otr start')
    await this.seesOtr(peer)
  }

  async seesOtr(peer: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.waitFor(/\[OTR\]/, PATIENCE)
    await this.#terminal.waitFor(/OTR session started/, PATIENCE)
  }

  async say(peer: string, text: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.type(text)
  }

  /** `~` marks a line that came through OTR, `-` one that did not. */
  async sees(peer: string, text: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.waitFor(new RegExp(`~ ${literally(peer)}\\S*: ${literally(text)}`), PATIENCE)
  }

  async seesRefusal(peer: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.waitFor(new RegExp(`! Error from ${literally(peer)}: ${literally(REFUSAL.text)}`), PATIENCE)
  }

  async screen(): Promise<string> {
    return this.#terminal.screen()
  }

  async keepScreen(): Promise<void> {
    await this.#terminal.keepScreen()
  }

  async stop(): Promise<void> {
    await this.#terminal.stop()
    await rm(this.#home, { recursive: true, force: true })
  }

  async #show(peer: string): Promise<void> {
    await this.#terminal.type(`/msg ${peer}`)
  }
}

/** Without the roster's column, lines with an onion's name stay whole. Certificates are found by hashed names. */
async function configure({ jid, password }: Account, { host, port, authority }: Door, home: string): Promise<void> {
  const folders = { data: join(home, 'data', 'profanity'), config: join(home, 'config', 'profanity') }
  const certificates = join(home, 'certificates')
  for (const folder of [folders.data, folders.config, certificates]) {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  if (authority !== undefined) {
    await copyFile(authority, join(certificates, 'authority.pem'))
    await run('openssl', ['rehash', certificates])
  }
  await writeFile(join(folders.data, 'accounts'), `
[account]
enabled=true
jid=${jid}
password=${password}
server=${host}
port=${port}
resource=profanity
tls.policy=${authority === undefined ? 'disable' : 'force'}
otr.policy=manual
`, { mode: 0o600 })
  await writeFile(join(folders.config, 'profrc'), `
[connection]
account=account
tls.certpath=${certificates}
[ui]
splash=false
roster=false
[logging]
chlog=false
[otr]
log=off
[chatstates]
enabled=true
`, { mode: 0o600 })
}
