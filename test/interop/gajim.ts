import { chown, copyFile, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { PATIENCE, REFUSAL, newHome, type Account, type Door } from './chat-client.ts'
import { Desktop, type Item } from './desktop.ts'
import type { Box, Color, Picture } from './picture.ts'

const MAIN = 'Gajim'
const ADDING = 'Add Contact'
/** Gajim does not run as root. */
const NOBODY = 65_534
/** The colors of the dot on a contact's picture, which tell its presence. */
const DOTS = { available: [102, 191, 16], away: [255, 133, 51], 'not to be disturbed': [230, 46, 0], offline: [154, 154, 154] } as const
/** What is left of a dot's 47 pixels where it has a bar across. */
const DOT_PIXELS = 30
/** Most of a round picture, 32 pixels across, is there beside the dot. */
const FACE_PIXELS = 500
const TOOLTIP: Color = [0, 0, 0]

export type Presence = keyof typeof DOTS

/**
 * Somebody at Gajim 1.7 as it is when installed, but that it is quiet, and knows the account and the server's certificate.
 * It is used with a pointer and keys alone; what it shows is read as words, or as colors where there are no words.
 */
export class Gajim {
  readonly #desktop: Desktop
  readonly #home: string

  private constructor(desktop: Desktop, home: string) {
    this.#desktop = desktop
    this.#home = home
  }

  /** Logs in, and waits until its user is told so, beside the contacts. */
  static async start(account: Account, door: Door): Promise<Gajim> {
    const user = process.getuid?.() === 0 ? NOBODY : undefined
    const home = await newHome()
    await configure(account, door, home)
    if (user !== undefined) await give(home, user)
    const command = ['gajim', '--config-path', join(home, 'gajim')] as const
    const client = new Gajim(await Desktop.start(`gajim-${account.jid}`, command, { HOME: home }, user), home)
    try {
      await client.#click('the account', ({ more }) => more === `Account: ${account.jid}`)
      await client.#find('the contacts', ({ text }) => text === 'Contact List')
      await client.#find('that it is online', ({ role, name }) => role === 'toggle button' && name === 'Available')
    } catch (error) {
      await client.stop()
      throw error
    }
    return client
  }

  /** Grants a contact's request, and asks in return, as Gajim proposes. */
  async acceptContact(jid: string): Promise<void> {
    await this.#find(`the request of ${jid}`, ({ role, text }) => role === 'label' && text === jid)
    await this.#press(MAIN, 'Accept')
    await this.#find(`${jid} filled in`, ({ window, text }) => window === ADDING && text === jid)
    await this.#press(ADDING, 'Next')
    await this.#press(ADDING, 'Add Contact')
    await this.#wait('the form no more', (items) => items.length > 0 && items.every(({ window }) => window !== ADDING))
  }

  /** Waits until the contacts show that one, with the dot of that presence. */
  async seesPresence(name: string, presence: Presence): Promise<void> {
    await this.#wait(`${name} ${presence}`, (items, picture) => {
      const face = faceOf(name, items)
      return face !== undefined && picture.count(DOTS[presence], face) >= DOT_PIXELS
    })
  }

  /** Waits until the contact's picture is of this color. */
  async seesFace(name: string, color: Color): Promise<void> {
    await this.#wait(`the picture of ${name}`, (items, picture) => {
      const face = faceOf(name, items)
      return face !== undefined && picture.count(color, face) >= FACE_PIXELS
    })
  }

  /** Opens the conversation with a contact; the keys then write to it. */
  async openConversation(name: string): Promise<void> {
    await this.#click(name, ({ role, text }) => role === 'table cell' && text === name, 2)
    await this.#find('a place to write at', isEntry)
  }

  async say(text: string): Promise<void> {
    await this.#click('a place to write at', isEntry)
    await this.#desktop.type(`${text}\n`)
  }

  /** Waits for the warning at what was said, and for the reason, which shows where the pointer lies on the warning. */
  async seesRefusal(text: string): Promise<void> {
    await this.#find('what was said', (item) => item.role === 'label' && item.text === text)
    const warning = await this.#find('why it was refused', ({ name, more }) => name === 'Warning' && more === REFUSAL.text)
    await this.#desktop.pointAt(...middle(warning.box))
    await this.#wait('the reason, below the warning', (_, picture) => {
      const [left, top, width, height] = warning.box
      const box = [left + width / 2 - 200, top + height + 15, 400, 20] as const
      const dark = picture.count(TOOLTIP, box) / (400 * 20)
      return dark > 0.5 && dark < 0.95
    })
  }

  async screen(): Promise<string> {
    return this.#desktop.screen()
  }

  /** Leaves the screen in the results. */
  async keepScreen(): Promise<void> {
    await this.#desktop.keepScreen()
  }

  async stop(): Promise<void> {
    await this.#desktop.stop()
    await rm(this.#home, { recursive: true, force: true })
  }

  async #click(what: string, is: (item: Item) => boolean, times: 1 | 2 = 1): Promise<void> {
    await this.#desktop.click(...middle((await this.#find(what, is)).box), times)
  }

  async #press(window: string, name: string): Promise<void> {
    await this.#click(`"${name}"`, (item) => item.window === window && item.role === 'push button' && item.name === name)
  }

  async #find(what: string, is: (item: Item) => boolean): Promise<Item> {
    return this.#desktop.waitFor(what, (items) => items.find(is), PATIENCE)
  }

  async #wait(what: string, isThere: (items: readonly Item[], picture: Picture) => boolean): Promise<void> {
    await this.#desktop.waitFor(what, (items, picture) => isThere(items, picture) ? true : undefined, PATIENCE)
  }
}

function middle([left, top, width, height]: Box): readonly [number, number] {
  return [Math.round(left + width / 2), Math.round(top + height / 2)]
}

/** Where a contact's picture lies: in the cell that ends where its name begins. */
function faceOf(name: string, items: readonly Item[]): Box | undefined {
  const cells = items.filter(({ role }) => role === 'table cell')
  const [left, top] = cells.find(({ text }) => text === name)?.box ?? []
  return cells.find(({ box }) => box[1] === top && box[0] + box[2] === left)?.box
}

/** The one field without a label. */
function isEntry({ window, role, name }: Item): boolean {
  return window === MAIN && role === 'text' && name === ''
}

/** Gajim keeps what its user has set in tables of two columns, a name and JSON. */
async function configure({ jid, password }: Account, { host, port, authority }: Door, home: string): Promise<void> {
  const [name = '', hostname = ''] = jid.split('@')
  const trusted = join(home, 'gajim', 'cert_store')
  await mkdir(trusted, { recursive: true, mode: 0o700 })
  if (authority !== undefined) await copyFile(authority, join(trusted, 'server'))
  const account = {
    name, hostname, password, active: true, use_custom_host: true, custom_host: host, custom_port: port, custom_type: 'START TLS',
  }
  const app = { use_keyring: false, check_for_update: false, show_trayicon: false, sounds_on: false, show_notifications: false }
  const database = new Sqlite(join(home, 'gajim', 'settings.sqlite'))
  database.exec(`
    CREATE TABLE settings (name TEXT UNIQUE, settings TEXT);
    CREATE TABLE account_settings (account TEXT UNIQUE, settings TEXT);
    PRAGMA user_version = 5`)
  const settings = { app, soundevents: {}, status_presets: {}, proxies: {}, plugins: {}, workspaces: { home: {} } }
  const set = database.prepare('INSERT INTO settings VALUES (?, ?)')
  for (const [table, value] of Object.entries(settings)) set.run(table, JSON.stringify(value))
  database.prepare('INSERT INTO account_settings VALUES (?, ?)').run(jid, JSON.stringify({ account, contact: {}, group_chat: {} }))
  database.close()
}

/** All of a folder becomes that user's. */
async function give(folder: string, user: number): Promise<void> {
  const inside = await readdir(folder, { recursive: true })
  for (const path of ['', ...inside]) await chown(join(folder, path), user, user)
}
