/** A house whose registration is open, with real parts: a database on disk, real hashing (as cheap as it may be), and a clock of the test's. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse, type House } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import { RegistrationRefused, type Application, type RefusalReason } from '../../src/registration/application.ts'
import { KINDS } from '../../src/registration/question.ts'
import type { ServedDomain } from '../../src/routing/domains.ts'
import { Envelope } from '../../src/routing/envelope.ts'
import type { Session } from '../../src/routing/sessions.ts'
import { element, type Element } from '../../src/xml/element.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { TestClock } from '../clock.ts'

export const PASSWORD = 'wherefore art thou'
const AUTH = '[auth]\nargon2_memory = "7MB"\nargon2_passes = 1\nscram_iterations = 65536\n'
const DOMAINS = '[[domains]]\nname = "capulet.lit"\nregistration = "open"\n[[domains]]\nname = "onion"\nregistration = "open"\n'

export class Office {
  readonly folder: string
  readonly clock: TestClock
  readonly house: House

  private constructor(folder: string, clock: TestClock, house: House) {
    this.folder = folder
    this.clock = clock
    this.house = house
  }

  /** `settings`: lines of the file; `folder`: of an office that was closed. */
  static async open({ settings = DOMAINS, before = '', folder = mkdtempSync(join(tmpdir(), 'sotto-registration-')), clock = new TestClock(Date.UTC(1999, 0, 4)) } = {}): Promise<Office> {
    const file = join(folder, 'sotto.toml')
    writeFileSync(file, `${before}\n${settings}\n${AUTH}`)
    return new Office(folder, clock, await openHouse(loadConfig(file, { cwd: folder }), clock, createLog({ level: 'silent', roster: false })))
  }

  close(): void {
    this.house.close()
    rmSync(this.folder, { recursive: true })
  }

  domain(label = 'capulet.lit'): ServedDomain {
    const found = this.house.domains.all().find((one) => one.label === label)
    assert.ok(found !== undefined)
    return found
  }

  /** Asks for a challenge and answers it, by its question. */
  answered(peer: string | undefined, domain = this.domain()): NonNullable<Application['challenge']> {
    const { id, question } = this.house.registration.challenge({ domain, peer })
    return { id, answer: solved(question) }
  }

  /** Registers by an answered challenge. */
  async register(name: string, peer: string | undefined, more: Partial<Application> = {}): Promise<string> {
    const domain = more.domain ?? this.domain()
    const challenge = this.answered(peer, domain)
    return (await this.house.registration.register({ domain, peer, name, password: PASSWORD, challenge, ...more })).toString()
  }

  async run(command: string, input: unknown): Promise<unknown> {
    const route = this.house.installation.tables.commands.get(command)
    assert.ok(route !== undefined, command)
    return await route.run(input)
  }

  /** A session that is available, and what it was sent. */
  login(address: string): Element[] {
    const heard: Element[] = []
    const full = jid(address)
    const session: Session = {
      jid: full, account: full.bare, presence: element(NS_CLIENT, 'presence'), priority: 0, since: '1999-01-04', onion: true, showPresence() {}, send: (stanza) => { heard.push(stanza) }, end() {},
    }
    this.house.sessions.add(session)
    this.house.installation.tables.session.bound(session)
    return heard
  }

  /** A stanza without `to` comes from that session. */
  says(address: string, stanza: Element): void {
    const from = jid(address)
    const session = this.house.sessions.get(from)
    this.house.installation.router.submit(new Envelope(stanza, from, from.bare, false, 'client', session))
  }
}

/** What a person answers who reads the question. */
export function solved(question: string): string {
  const [, task = '', list = ''] = /^(.*): ([^:]*)\.$/.exec(question) ?? []
  const words = list.split(', ')
  const [, ordinal = ''] = /the (first|second|third|fifth|last) (?:letter|word)/.exec(task) ?? []
  const at = new Map([['first', 0], ['second', 1], ['third', 2], ['fifth', 4], ['last', -1]]).get(ordinal) ?? 0
  if (task.includes('letter of each')) return words.map((word) => word.at(at) ?? '').join('')
  const [, members = []] = KINDS.find(([kind]) => task.includes(`names of ${kind}`)) ?? []
  const found = words.filter((word) => members.includes(word))
  if (!task.includes('backwards')) return found.join(', ')
  return `${[...found[0] ?? ''].reverse().join('')} ${words.at(at) ?? ''}`
}

export function refused(reason: RefusalReason): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof RegistrationRefused, String(error))
    assert.equal(error.reason, reason)
    return true
  }
}

export function jid(text: string): Jid {
  const parsed = Jid.parse(text)
  assert.ok(parsed !== undefined, text)
  return parsed
}
