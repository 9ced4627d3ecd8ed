import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse, type House } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import { RegistrationRefused, type RefusalReason } from '../../src/registration/application.ts'
import type { ServedDomain } from '../../src/routing/domains.ts'
import { TestClock } from '../clock.ts'

const refused = (reason: RefusalReason) => (error: unknown): boolean => error instanceof RegistrationRefused && error.reason === reason

describe('an account is asked for', () => {
  let folder = ''
  let house: House
  let domain: ServedDomain
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sotto-registration-'))
    const file = join(folder, 'sotto.toml')
    writeFileSync(file, '[[domains]]\nname = "capulet.lit"\nregistration = "open"\n[auth]\nargon2_memory = "7168kB"\nargon2_passes = 1\nscram_iterations = 65536')
    house = await openHouse(loadConfig(file, { cwd: folder }), new TestClock(Date.UTC(1999, 0, 4)), createLog({ level: 'silent', roster: false }))
    domain = house.domains.all()[0] as ServedDomain // the only one
  })
  after(() => {
    house.close()
    rmSync(folder, { recursive: true })
  })

  test('without an answer there is none', async () => {
    await assert.rejects(house.registration.register({ domain, peer: 'circuit-1', name: 'juliet', password: 'wherefore art thou' }), refused('challenge-failed'))
  })

  test('an answer is good once', async () => {
    const { id, question } = house.registration.challenge({ domain, peer: 'circuit-1' })
    const answer = [...question.split(': ')[1] ?? ''].reverse().join('')
    const application = { domain, peer: 'circuit-1', name: 'juliet', password: 'wherefore art thou', challenge: { id, answer } }
    assert.equal((await house.registration.register(application)).toString(), 'juliet@capulet.lit')
    await assert.rejects(house.registration.register({ ...application, name: 'nurse' }), refused('challenge-failed'))
  })
})
