import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Clock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse, type House } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import type { Extension } from '../../src/routing/extension.ts'
import type { Element } from '../../src/xml/element.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { TestClock } from '../clock.ts'
import { TestClient } from '../house.ts'

const TOML = `
[[domains]]
name = "capulet.lit"
onion_service = false
[[domains]]
name = "montague.lit"
onion_service = false
[auth]
argon2_memory = "7168kB"
argon2_passes = 1
`

/** The house as the server opens it, on a data directory of its own, without doors; what leaves it is kept. */
export class RealHouse {
  readonly folder: string
  readonly house: House
  /** What left for other domains, in order. */
  readonly departed: Element[]

  private constructor(folder: string, house: House, departed: Element[]) {
    this.folder = folder
    this.house = house
    this.departed = departed
  }

  static async open(folder: string, more: readonly Extension[] = [], clock: Clock = new TestClock(Date.UTC(2025, 0, 31))): Promise<RealHouse> {
    const departed: Element[] = []
    const remote: Extension = {
      name: 'test-remote', implements: [],
      install: () => ({ remote: { send: ({ element }) => { departed.push(element); return undefined } } }),
    }
    const file = join(folder, 'sotto.toml')
    writeFileSync(file, TOML)
    const log = createLog({ level: 'silent', roster: false })
    return new RealHouse(folder, await openHouse(loadConfig(file, { cwd: folder }), clock, log, [remote, ...more]), departed)
  }

  /** In a new folder, for one test. */
  static async make(t: TestContext, more: readonly Extension[] = [], clock?: Clock): Promise<RealHouse> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-house-'))
    const house = await RealHouse.open(folder, more, clock)
    t.after(() => {
      house.house.close()
      rmSync(folder, { recursive: true })
    })
    return house
  }

  async add(...accounts: string[]): Promise<void> {
    for (const account of accounts) await this.house.accounts.create(jid(account), 'wherefore art thou')
  }

  /** A client that wants its roster, and is available. */
  login(address: string): TestClient {
    const client = new TestClient(this.house, jid(address))
    this.house.sessions.add(client)
    this.house.installation.tables.session.bound(client)
    client.says("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>")
    client.forget()
    this.departed.length = 0
    return client
  }

  /** Every row of every table, migrations' own apart. */
  rows(): readonly Row[] {
    const { database } = this.house
    database.flush()
    return this.tables().flatMap((table) =>
      database.statement(`SELECT * FROM ${table}`).all().map((values) => ({ table, values })))
  }

  tables(): readonly string[] {
    return this.house.database.statement<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migration' ORDER BY name")
      .all().map(({ name }) => name)
  }

  /** Where this text stands, in whatever form. */
  naming(text: string): readonly Row[] {
    return this.rows().filter(({ values }) => Object.values(values).some((value) =>
      value instanceof Uint8Array ? Buffer.from(value).includes(text) : String(value).includes(text)))
  }
}

export interface Row {
  readonly table: string
  readonly values: Readonly<Record<string, unknown>>
}

export function jid(text: string): Jid {
  const parsed = Jid.parse(text)
  if (parsed === undefined) throw new Error(`${text} is no JID`)
  return parsed
}
