import { copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { PATIENCE, REFUSAL, literally, newHome, type Account, type ChatClient, type Door } from './chat-client.ts'
import { Desktop, type Item } from './desktop.ts'

const PURPLE = {
  service: 'im.pidgin.purple.PurpleService',
  path: '/im/pidgin/purple/PurpleObject',
  interface: 'im.pidgin.purple.PurpleInterface',
} as const
const CONVERSATION_WITH_ONE = 1 // PURPLE_CONV_TYPE_IM
const POLL_MILLISECONDS = 100
const BUDDIES = 'Buddy List'
/** Where "Authorize" lies, from the upper right corner of the row below the alert, in pixels. */
const AUTHORIZE = { left: 20, up: 18 } as const
/** Pixels by which the list of contacts is higher up where an alert lies below it. */
const ALERT_HEIGHT = 50
const LIBRARIES = '/usr/lib'

/**
 * Somebody at Pidgin 2.14 with pidgin-otr 4.0, as they are set when installed. Windows are read and buttons pressed by
 * what they say; only a line is sent through Pidgin's D-Bus service, since nothing but a key would send it.
 */
export class Pidgin implements ChatClient {
  readonly #desktop: Desktop
  readonly #home: string

  private constructor(desktop: Desktop, home: string) {
    this.#desktop = desktop
    this.#home = home
  }

  /** Logs in. The OTR key is made when it is first needed. */
  static async start(account: Account, door: Door): Promise<Pidgin> {
    const home = await newHome()
    await configure(account, door, home)
    const environment = { HOME: home, SASL_PATH: join(home, 'sasl') }
    const command = ['pidgin', '--config', join(home, 'purple')] as const
    const client = new Pidgin(await Desktop.start(`pidgin-${account.jid}`, command, environment), home)
    try {
      if (door.authority === undefined) await client.#acceptCertificate()
      await client.#isConnected()
    } catch (error) {
      await client.stop()
      throw error
    }
    return client
  }

  async addContact(jid: string): Promise<void> {
    await this.#press(BUDDIES, 'menu item', 'Add Buddy...')
    await this.#wait('the form', (items) => items.some(({ window, role }) => window === 'Add Buddy' && role === 'text'))
    await this.#desktop.write('Add Buddy', 'Buddy\'s username:', jid)
    await this.#press('Add Buddy', 'push button', 'Add')
    await this.#wait('the form no more', (items) => items.every(({ window }) => window !== 'Add Buddy'))
  }

  /**
   * The alert's words are hidden from assistive technology, so its button is found by its place. Pidgin then offers to
   * add whoever was not on the list when they asked; this one is added already.
   */
  async acceptContact(_jid: string): Promise<void> {
    const [x, y] = await this.#desktop.waitFor('an alert below the contacts', placeOfAuthorize, PATIENCE)
    await this.#desktop.click(x, y)
    await this.#wait('the alert no more', (items) => items.length > 0 && placeOfAuthorize(items) === undefined)
    await this.#desktop.press('Add Buddy', 'push button', 'Cancel')
  }

  /** Contacts who are not online are not on the list. */
  async seesOnline(jid: string): Promise<void> {
    await this.#wait(`${jid} online`, (items) => items.some(({ window, role, text }) =>
      window === BUDDIES && role === 'table cell' && text.split('\n').includes(jid)))
  }

  async startOtr(peer: string): Promise<void> {
    await this.#open(peer)
    await this.#press(peer, 'menu item', 'Start private conversation')
    await this.seesOtr(peer)
  }

  /** A peer whose key nobody has compared yet is "Unverified", and so is the conversation, encrypted as it is. */
  async seesOtr(peer: string): Promise<void> {
    const started = new RegExp(`Unverified conversation with ${literally(peer)}\\S* started`)
    await this.#wait('an encrypted conversation', (items) => {
      const shown = items.filter(({ window }) => window === peer)
      return shown.some(({ role, name }) => role === 'push button' && name.trim() === 'Unverified')
        && shown.some(({ text }) => started.test(text))
    })
  }

  async say(peer: string, text: string): Promise<void> {
    const conversation = await this.#open(peer)
    const messages = await this.#purple('PurpleConversationGetImData', conversation)
    await this.#desktop.call(PURPLE, 'PurpleConvImSend', messages, text)
  }

  /** A line that did not come through OTR stands in a warning instead of after its sender's name. */
  async sees(peer: string, text: string): Promise<void> {
    const line = new RegExp(`\\) ${literally(peer)}\\S*: ${literally(text)}`)
    await this.#wait(text, (items) => items.some((item) => item.window === peer && line.test(item.text)))
  }

  async seesRefusal(peer: string): Promise<void> {
    const title = 'XMPP Message Error'
    const reason = new RegExp(`Message delivery to ${literally(peer)}\\S* failed: ${literally(REFUSAL.text)}`)
    await this.#wait('the reason of the refusal', (items) => {
      const shown = items.filter(({ window }) => window === title).map(({ text }) => text)
      return shown.some((text) => reason.test(text)) && shown.includes(REFUSAL.body)
    })
    await this.#press(title, 'push button', 'Close')
  }

  async screen(): Promise<string> {
    return this.#desktop.screen()
  }

  async keepScreen(): Promise<void> {
    await this.#desktop.keepScreen()
  }

  async stop(): Promise<void> {
    await this.#desktop.stop()
    await rm(this.#home, { recursive: true, force: true })
  }

  async #acceptCertificate(): Promise<void> {
    await this.#press('SSL Certificate Verification', 'push button', 'Accept')
  }

  async #isConnected(): Promise<void> {
    await this.#wait('the list of contacts', (items) => withRole(items, 'tree table') !== undefined)
    for (const deadline = Date.now() + PATIENCE; ; await passed(POLL_MILLISECONDS)) {
      if (await this.#purple('PurpleAccountIsConnected', await this.#account()) === 1) return
      if (Date.now() > deadline) throw new Error(`no login (${await this.#desktop.keepScreen()})`)
    }
  }

  /** The conversation, in a window of its own whose title is the peer. */
  async #open(peer: string): Promise<number> {
    return this.#purple('PurpleConversationNew', CONVERSATION_WITH_ONE, await this.#account(), peer)
  }

  async #account(): Promise<number> {
    const [account] = await this.#desktop.call(PURPLE, 'PurpleAccountsGetAllActive') as [number] // the one configured
    return account
  }

  async #purple(method: string, ...values: readonly (string | number)[]): Promise<number> {
    return Number(await this.#desktop.call(PURPLE, method, ...values))
  }

  async #press(window: string, role: 'push button' | 'menu item', name: string): Promise<void> {
    const deadline = Date.now() + PATIENCE
    while (!await this.#desktop.press(window, role, name)) {
      if (Date.now() > deadline) throw new Error(`no "${name}" in "${window}" (${await this.#desktop.keepScreen()})`)
      await passed(POLL_MILLISECONDS)
    }
  }

  async #wait(what: string, isThere: (items: readonly Item[]) => boolean): Promise<void> {
    await this.#desktop.waitFor(what, (items) => isThere(items) ? true : undefined, PATIENCE)
  }
}

function withRole(items: readonly Item[], role: string): Item | undefined {
  return items.find((item) => item.window === BUDDIES && item.role === role)
}

/** Below the list there is the alert, if there is one; the row with the user's own state then ends the window. */
function placeOfAuthorize(items: readonly Item[]): readonly [number, number] | undefined {
  const list = withRole(items, 'scroll pane')
  const state = items.findLast(({ window, role }) => window === BUDDIES && role === 'panel')
  if (list === undefined || state === undefined) return undefined
  const [, listTop, , listHeight] = list.box
  const [left, top, width] = state.box
  if (top - (listTop + listHeight) < ALERT_HEIGHT) return undefined
  return [left + width - AUTHORIZE.left, top - AUTHORIZE.up]
}

async function configure({ jid, password }: Account, door: Door, home: string): Promise<void> {
  const { host, port, authority, socksPort } = door
  const purple = join(home, 'purple')
  const trusted = join(purple, 'certificates', 'x509', 'tls_peers')
  await mkdir(trusted, { recursive: true, mode: 0o700 })
  if (authority !== undefined) await copyFile(authority, join(trusted, host))
  await onlyPlain(join(home, 'sasl'))
  const proxy = socksPort === undefined ? '' : `
    <proxy><type>tor</type><host>127.0.0.1</host><port>${socksPort}</port></proxy>`
  await writeFile(join(purple, 'accounts.xml'), `<?xml version='1.0' encoding='UTF-8'?>
<account version='1.0'>
  <account>
    <protocol>prpl-jabber</protocol>
    <name>${jid}/pidgin</name>
    <password>${password}</password>
    <settings>
      <setting name='connect_server' type='string'>${host}</setting>
      <setting name='port' type='int'>${port}</setting>
      <setting name='connection_security' type='string'>require_tls</setting>
    </settings>
    <settings ui='gtk-gaim'><setting name='auto-login' type='bool'>1</setting></settings>${proxy}
  </account>
</account>
`, { mode: 0o600 })
  await writeFile(join(purple, 'prefs.xml'), `<?xml version='1.0' encoding='UTF-8'?>
<pref version='1' name='/'>
  <pref name='pidgin'>
    <pref name='plugins'>
      <pref name='loaded' type='pathlist'><item value='/usr/lib/pidgin/pidgin-otr.so'/></pref>
    </pref>
    <pref name='sound'><pref name='method' type='string' value='none'/></pref>
  </pref>
</pref>
`)
}

/**
 * COMPAT(Cyrus SASL 2.1, 2026-11): it gives up where SCRAM asks for more than 65536 rounds of PBKDF2, and Pidgin with
 * it; so it gets a folder of mechanisms that holds only PLAIN (README.md).
 */
async function onlyPlain(folder: string): Promise<void> {
  await mkdir(folder)
  for (const machine of await readdir(LIBRARIES)) {
    const libraries = await readdir(join(LIBRARIES, machine, 'sasl2')).catch(() => [])
    for (const name of libraries.filter((library) => library === 'libplain.so')) {
      await symlink(join(LIBRARIES, machine, 'sasl2', name), join(folder, name))
    }
  }
}
