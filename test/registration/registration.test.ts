import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Application } from '../../src/registration/application.ts'
import { Office, PASSWORD, refused } from './office.ts'

describe('an account is asked for with a challenge', () => {
  let office: Office
  before(async () => { office = await Office.open() })
  after(() => office.close())

  const register = (more: Partial<Application>) => office.house.registration.register({
    domain: office.domain(), peer: 'circuit-1', name: 'juliet', password: PASSWORD, ...more,
  })
  const exists = (name: string): boolean => office.house.accounts.list('capulet.lit').some(({ local }) => local === name)

  test('whoever answers has it; the answer is good once, whatever comes of it', async () => {
    const challenge = office.answered('circuit-1')
    assert.equal((await register({ challenge })).toString(), 'juliet@capulet.lit')
    await assert.rejects(register({ challenge, name: 'nurse' }), refused('challenge-failed'))
    const wasted = office.answered('circuit-1')
    await assert.rejects(register({ challenge: wasted, name: 'juliet' }), refused('name-taken'))
    await assert.rejects(register({ challenge: wasted, name: 'nurse' }), refused('challenge-failed'))
    assert.ok(!exists('nurse'))
  })

  test('without an answer, with a wrong one, of another peer, of another domain, or too late there is none', async () => {
    await assert.rejects(register({ name: 'nurse' }), refused('challenge-failed'))
    const wrong = office.answered('circuit-2')
    await assert.rejects(register({ name: 'nurse', peer: 'circuit-2', challenge: { ...wrong, answer: 'rosemary' } }), refused('challenge-failed'))
    await assert.rejects(register({ name: 'nurse', peer: 'circuit-2', challenge: wrong }), refused('challenge-failed'), 'it was used up')
    for (const challenge of [office.answered('circuit-3'), office.answered('circuit-2', office.domain('onion')), { id: '', answer: '' }]) {
      await assert.rejects(register({ name: 'nurse', peer: 'circuit-2', challenge }), refused('challenge-failed'))
    }
    const late = office.answered('circuit-2')
    office.clock.advance(600_000)
    await assert.rejects(register({ name: 'nurse', peer: 'circuit-2', challenge: late }), refused('challenge-failed'))
    assert.ok(!exists('nurse'))
  })

  test('names are ASCII of 1 to 64, in small letters; PRECIS maps nothing into them', async () => {
    const longest = 'v'.repeat(64)
    const peers = (number: number): string => `naming-${number}`
    for (const [number, [name, account]] of [['Benvolio', 'benvolio'], [longest, longest], ['7', '7']].entries()) {
      assert.equal(await office.register(name ?? '', peers(number)), `${account}@capulet.lit`)
    }
    const bad = ['', `${longest}v`, '.dot', '-hyphen', '_low', 'two words', 'tybalt\n', ' tybalt', 'tybalt ', 'tybalt@capulet.lit', 'tybalt/x', 'ty\u00e4balt',
      '\uff34ybalt', '\u212aing', 'tyb\u0430lt', 'tybalt\u200d', 'tyba\u0301lt', '\u2164ybalt', 'ty\u00adbalt', 'tyb\u017falt', '\ud835\udc2dybalt', '\ud800', 'a&b', 'a:b', "a'b", '"a"', '<a>']
    for (const [number, name] of bad.entries()) {
      office.clock.advance(1000) // so many challenges are drawn in a second
      await assert.rejects(office.register(name, `trap-${number}`), refused('name-invalid'), JSON.stringify(name))
    }
  })

  test('a password that is easy to guess, from the name and domain as well, is refused; so is what is no text', async () => {
    const cases = [['', 'password-weak'], ['short', 'password-weak'], ['password', 'password-weak'], ['P4ssw0rd!', 'password-weak'],
      ['mercutio99', 'password-weak'], ['capulet.lit', 'password-weak'], ['\ud800 wherefore art thou', 'password-invalid'], ['x y z '.repeat(200), 'password-invalid']] as const
    for (const [number, [password, reason]] of cases.entries()) {
      office.clock.advance(1000)
      await assert.rejects(office.register('mercutio', `weak-${number}`, { password }), refused(reason), password)
    }
    assert.ok(!exists('mercutio'))
    assert.equal(await office.register('mercutio', 'strong'), 'mercutio@capulet.lit')
  })

  test('what is taken, looks like it, is kept back or was deleted is refused, all in the same words', async () => {
    await office.register('sampson', 'names-0')
    await office.register('escalus', 'names-1')
    await office.run('account delete', { account: 'escalus@capulet.lit' })
    const taken = ['sampson', 'SAMPSON', 'samps0n', 'sam.pson', 'sarnpson', '5ampson', 'admin', 'adm1n', 'a.d.m.i.n', 'abuse', 'escalus', 'esca1us']
    for (const [number, name] of taken.entries()) {
      office.clock.advance(1000)
      await assert.rejects(office.register(name, `taken-${number}`), refused('name-taken'), name)
    }
  })

  test('one that cannot be made takes nothing of the rates', async () => {
    office.clock.advance(3_600_000)
    for (let number = 0; number < 8; number++) await assert.rejects(office.register('juliet', 'patient'), refused('name-taken'))
    for (let number = 0; number < 5; number++) await office.register(`gregory${'abcde'[number]}`, 'patient')
    await assert.rejects(office.register('abraham', 'patient'), refused('too-many'))
    assert.equal(await office.register('abraham', 'another'), 'abraham@capulet.lit')
  })
})

describe('names that the operator keeps back, and those of operators', () => {
  test('hold on their own side alone', async () => {
    const office = await Office.open({
      before: 'operators = ["friar@onion"]\n[registration]\nreserved_names = ["prince"]\n',
    })
    try {
      await assert.rejects(office.register('pr1nce', 'a'), refused('name-taken'))
      await assert.rejects(office.register('friar', 'a', { domain: office.domain('onion') }), refused('name-taken'))
      assert.equal(await office.register('friar', 'a'), 'friar@capulet.lit', 'or it would tell that one server serves both')
    } finally {
      office.close()
    }
  })
})

describe('names of deleted accounts', () => {
  test('survive a restart and a change of the storage key, and are not readable', async () => {
    const office = await Office.open()
    await office.register('rosaline', 'a')
    await office.run('account delete', { account: 'rosaline@capulet.lit' })
    await office.house.rotateKey()
    const rows = office.house.database.statement<{ digest: Buffer }>('SELECT digest FROM tombstone').all()
    assert.equal(rows.length, 1)
    office.house.close()
    const again = await Office.open({ folder: office.folder, clock: office.clock })
    try {
      await assert.rejects(again.register('rosaline', 'a'), refused('name-taken'))
      assert.equal(await again.register('rosaline', 'a', { domain: again.domain('onion') }), `rosaline@${again.domain('onion').name}`)
    } finally {
      again.close()
    }
  })
})
