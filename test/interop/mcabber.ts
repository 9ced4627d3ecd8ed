import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  PATIENCE, REFUSAL, literally, newHome, throughDoor, type Account, type ChatClient, type Door,
} from './chat-client.ts'
import { Terminal } from './terminal.ts'

/** Somebody at mcabber 1.1: one line of commands, one conversation on the screen at a time. */
export class Mcabber implements ChatClient {
  readonly #terminal: Terminal
  readonly #home: string

  private constructor(terminal: Terminal, home: string) {
    this.#terminal = terminal
    this.#home = home
  }

  /** Logs in and waits until the server has the presence; the OTR key is made before that. */
  static async start(account: Account, door: Door): Promise<Mcabber> {
    const home = await newHome()
    await mkdir(join(home, 'otr'), { mode: 0o700 })
    const settings = join(home, 'mcabberrc')
    await writeFile(settings, configuration(account, door, home), { mode: 0o600 })
    const { command, environment } = await throughDoor(door, home, ['mcabber', '-f', settings])
    const client = new Mcabber(await Terminal.start(`mcabber-${account.jid}`, command, environment), home)
    try {
      await client.#terminal.waitFor(/OTR key generated/, PATIENCE)
      await client.#terminal.waitFor(/Your status has been set/, PATIENCE)
    } catch (error) {
      await client.stop()
      throw error
    }
    return client
  }

  async addContact(jid: string): Promise<void> {
    await this.#terminal.type(`/add ${jid}`)
    await this.#terminal.waitFor(new RegExp(`Sent presence notification request to <${literally(jid)}>`), PATIENCE)
  }

  async acceptContact(jid: string): Promise<void> {
    await this.#terminal.waitFor(new RegExp(`<${literally(jid)}> wants to subscribe`), PATIENCE)
    await this.#terminal.type(`/authorization allow ${jid}`)
    await this.#terminal.waitFor(new RegExp(`Sent presence subscription approval to <${literally(jid)}>`), PATIENCE)
  }

  async seesOnline(jid: string): Promise<void> {
    await this.#show(jid)
    await this.#terminal.waitFor(new RegExp(`\\[[of]\\] Buddy: ${literally(jid)}`), PATIENCE)
  }

  async startOtr(peer: string): Promise<void> {
    await this.#terminal.type(`/otr start ${peer}`)
    await this.seesOtr(peer)
  }

  async seesOtr(peer: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.waitFor(/OTR: channel established/, PATIENCE)
  }

  async say(peer: string, text: string): Promise<void> {
    await this.#terminal.type(`/say_to ${peer} ${text}`)
  }

  /** `<O=` marks a received line that came through OTR, `<==` one that did not. */
  async sees(peer: string, text: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.waitFor(new RegExp(`<O= ${literally(text)}`), PATIENCE)
  }

  async seesRefusal(peer: string): Promise<void> {
    await this.#show(peer)
    await this.#terminal.waitFor(new RegExp(`#<# ${literally(REFUSAL.body)}`), PATIENCE)
    await this.#terminal.waitFor(new RegExp(`Error message from server: ${literally(REFUSAL.text)}`), PATIENCE)
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

  /** Opens the conversation: a selected contact's window is only shown after an Enter on an empty line. */
  async #show(peer: string): Promise<void> {
    await this.#terminal.type(`/roster search ${peer}`)
    await this.#terminal.press('Enter')
  }
}

/** `tls = 0` still takes STARTTLS where a server offers it, so that on onions the certificate must not matter. */
function configuration({ jid, password }: Account, { host, port, authority }: Door, home: string): string {
  return `
set jid = ${jid}
set password = ${password}
set server = ${host}
set port = ${port}
set tls = ${authority === undefined ? 0 : 1}
${authority === undefined ? 'set ssl_ignore_checks = 1' : `set ssl_ca = ${authority}`}
set resource = mcabber
set otr = 1
set otr_dir = ${home}/otr/
set statefile = ${home}/state
set logging = 0
set beep_on_message = 0
set lang = en
set roster_width = 24
set log_win_height = 16
otrpolicy default manual
`
}
