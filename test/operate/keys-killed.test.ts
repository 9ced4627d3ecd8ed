import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { CONFIG, FIRST, NO_TOR, PASSWORD, Place, SECOND } from './key-place.ts'

const HERE = import.meta.dirname

describe('SIGKILL while the storage key changes', { timeout: 300_000 }, () => {
  /** Kills the command before each of its steps, each time in a fresh copy; returns how many steps there were. */
  async function killedAtEachStep(t: TestContext, place: Place, args: readonly string[], input: string, judge: (copy: Place, step: number) => Promise<void>): Promise<number> {
    for (let step = 0; ; step++) {
      const copy = new Place(t, readFileSync(place.path('sotto.toml'), 'utf8').slice(CONFIG.length))
      cpSync(place.folder, copy.folder, { recursive: true })
      const { code } = await copy.sotto(args, input, { NODE_OPTIONS: `--import=${pathToFileURL(join(HERE, 'kill-at-step.js')).href}`, SOTTO_KILL_AT: String(step) })
      await judge(copy, step)
      const left = readdirSync(copy.path('data', 'keys')).filter((name) => /\.(next|new)$/.test(name))
      assert.deepEqual(left, [], `after step ${step} the next start left something`)
      if (code === 0) return step
      assert.equal(code, null, `step ${step} was the last`)
    }
  }

  test('at each step: the old key or the new', async (t) => {
    const place = await Place.byFile(t)
    const before = readFileSync(place.path('data', 'keys', 'storage.key'), 'utf8')
    const isNew: boolean[] = []
    const steps = await killedAtEachStep(t, place, ['keys', 'rotate'], '', async (copy, step) => {
      assert.deepEqual(await copy.loginsBy(PASSWORD), ['juliet'], `step ${step}`)
      isNew.push(readFileSync(copy.path('data', 'keys', 'storage.key'), 'utf8') !== before)
    })
    assert.ok(steps > 8, `${steps} steps`)
    assert.ok(!isNew[0] && isNew.at(-1), 'both were seen')
    assert.deepEqual(isNew, [...isNew].sort(), 'once it is the new one, it stays so')
  })

  test('at each step of another passphrase: the old one or the new, never both, never none', async (t) => {
    const place = await Place.byPassphraseFile(t)
    const onion = (await place.sotto(['onion', 'show'])).stdout
    const opened: string[] = []
    await killedAtEachStep(t, place, ['keys', 'rotate', '--passphrase'], SECOND, async (copy, step) => {
      const opening = []
      for (const passphrase of [FIRST, SECOND]) {
        copy.write('passphrase', passphrase)
        const logins = await copy.loginsBy(PASSWORD).catch(() => undefined)
        if (logins === undefined) continue
        opening.push(passphrase)
        assert.deepEqual(logins, ['juliet'])
      }
      assert.equal(opening.length, 1, `step ${step}: ${opening.length} passphrases`)
      opened.push(...opening)
      if (step % 5 !== 0) return
      copy.write('passphrase', opening[0] ?? '')
      assert.equal((await copy.sotto(['onion', 'show'])).stdout, onion)
    })
    assert.deepEqual([...new Set(opened)], [FIRST, SECOND])
  })

  test('at each step from a file to a passphrase: the next start ends it', async (t) => {
    const place = await Place.byFile(t)
    place.configure(`${NO_TOR}[keys]\npassphrase_file = "passphrase"\n`)
    place.write('passphrase', FIRST)
    await killedAtEachStep(t, place, ['account', 'list'], '', async (copy, step) => {
      assert.deepEqual(await copy.loginsBy(PASSWORD), ['juliet'], `step ${step}`)
      assert.deepEqual(readdirSync(copy.path('data', 'keys')), ['storage.salt'])
      assert.ok(!existsSync(copy.path('data', 'onion', 'onion')))
    })
  })

  test('at random moments, while accounts are made: none that was acknowledged is lost', async (t) => {
    const place = new Place(t, NO_TOR)
    const acknowledged: string[] = []
    let rotations = 0
    for (let round = 0; round < 16; round++) {
      const child = spawn(process.execPath, [join(HERE, 'rotate-for-ever.js'), `r${round}`], { cwd: place.folder, stdio: ['ignore', 'pipe', 'inherit'] })
      t.after(() => child.kill('SIGKILL'))
      let said = ''
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => { said += chunk })
      const ended = once(child, 'close')
      while (!said.startsWith('begun\n')) await Promise.race([once(child.stdout, 'data'), ended.then(() => { throw new Error('it ended by itself') })])
      await delay(Math.random() * 1000)
      child.kill('SIGKILL')
      await ended
      acknowledged.push(...[...said.matchAll(/^made (.*)$/gm)].map(([, name = '']) => name))
      rotations += said.split('\n').filter((line) => line === 'rotated').length
      if (round % 4 !== 3) continue
      const logins = await place.loginsBy(PASSWORD)
      assert.deepEqual(acknowledged.filter((name) => !logins.includes(name)), [])
    }
    assert.ok(rotations > 50 && acknowledged.length > 5, `${rotations} rotations, ${acknowledged.length} accounts`)
  })
})
