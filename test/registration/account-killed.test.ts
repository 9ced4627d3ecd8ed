import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { jid, RealHouse } from './real-house.ts'

const JULIET = 'juliet@capulet.lit'
const NURSE = 'nurse@capulet.lit'

describe('SIGKILL while an account is removed', () => {
  async function killed(t: TestContext, moment: 'before' | 'after'): Promise<RealHouse> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-killed-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const first = await RealHouse.open(folder)
    await first.add(JULIET, NURSE)
    const [juliet, nurse] = [first.login(`${JULIET}/balcony`), first.login(`${NURSE}/hall`)]
    juliet.says(`<presence to='${NURSE}' type='subscribe'/>`)
    nurse.says(`<presence to='${JULIET}' type='subscribed'/><presence to='${JULIET}' type='subscribe'/>`)
    juliet.says(`<presence to='${NURSE}' type='subscribed'/>`)
    first.house.close()
    const child = spawn(process.execPath, [join(import.meta.dirname, 'killed-at-removal.js'), folder, moment], { stdio: ['ignore', 'ignore', 'inherit'] })
    const [, signal] = await once(child, 'close') as [number | null, string | null]
    assert.equal(signal, 'SIGKILL')
    const again = await RealHouse.open(folder)
    t.after(() => again.house.close())
    return again
  }

  const states = (real: RealHouse): unknown[] =>
    real.naming('juliet').filter(({ table }) => table === 'roster_item').map(({ values }) => `${String(values['account'])} ${String(values['state'])}`)

  test('before it is on disk: the account is there as a whole, and so are its subscriptions', async (t) => {
    const real = await killed(t, 'before')
    assert.ok(real.house.accounts.claim('juliet', 'capulet.lit').exists)
    assert.deepEqual(states(real), [`${JULIET} both`, `${NURSE} both`])
  })

  test('RFC 6121 §4.3.2: after it is on disk: it is gone as a whole, and a contact learns it at the next login', async (t) => {
    const real = await killed(t, 'after')
    assert.ok(!real.house.accounts.exists(jid(JULIET)))
    assert.deepEqual(real.naming('juliet').map(({ values }) => values['account']), [NURSE])
    const nurse = real.login(`${NURSE}/hall`)
    nurse.says("<presence type='unavailable'/><presence/>")
    assert.ok(nurse.heard().every(({ attrs }) => attrs['from']?.startsWith('juliet') !== true))
    assert.deepEqual(states(real), [`${NURSE} from`])
  })
})
