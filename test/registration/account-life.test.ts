import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { AccountError } from '../../src/auth/account-error.ts'
import { SUBSCRIPTION_STATES, type SubscriptionState } from '../../src/im/subscription.ts'
import { Envelope } from '../../src/routing/envelope.ts'
import type { Value } from '../../src/store/database.ts'
import type { Element } from '../../src/xml/element.ts'
import { parse } from '../house.ts'
import { jid, RealHouse, type Row } from './real-house.ts'

const JULIET = 'juliet-capulet@capulet.lit'
const NURSE = 'nurse@capulet.lit'
const MERCUTIO = 'mercutio@verona.lit'

/**
 * Tables that hold nothing of accounts. Every other has a column `account`, the bare JID, or one for the localpart beside
 * `domain`, the label. Of a removed account `tombstone` keeps a digest under a secret, and nothing else.
 */
const NOBODYS = ['decoy_secret', 'onion_key', 'onion_name', 'registration_mode', 'remote_domain', 'storage_key_check', 'tombstone', 'tombstone_secret']
const OWNERS: Readonly<Record<string, string>> = { account: JULIET, localpart: 'juliet-capulet', inviter: 'juliet-capulet' }
/** Sealed on disk, and in the export as it was before. */
const OPENED = ['pep_item.id', 'pep_item.payload']
/** Where the schema does not tell what fits. */
const FITTING: Readonly<Record<string, Value>> = { 'token.slot': 'current' }

function isHers({ values }: Row): boolean {
  return Object.entries(OWNERS).some(([column, owner]) => values[column] === owner)
}

/** A row of Juliet's in every table: what clients cause is there already; where it is not, the schema tells what fits. */
async function fill(real: RealHouse): Promise<void> {
  const { database } = real.house
  for (const table of real.tables()) {
    if (NOBODYS.includes(table) || real.rows().some((row) => row.table === table && isHers(row))) continue
    const columns = database.statement<{ name: string; type: string }>(`SELECT name, type FROM pragma_table_info('${table}')`).all()
    assert.ok(columns.some(({ name }) => name in OWNERS), `${table}: whose rows are these? Name the column "account", or list it with nobody's`)
    const values = columns.map(({ name, type }): Value => OWNERS[name] ?? FITTING[`${table}.${name}`]
      ?? (name === 'domain' ? 'capulet.lit' : type === 'INTEGER' ? 7 : type === 'BLOB' ? Buffer.from(`bytes of ${name}`) : `text of ${name}`))
    await database.write(() => database.statement(`INSERT INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`).run(...values))
  }
}

/** Juliet, with a roster, a block list and a lock; and her Nurse, whose roster names her. */
async function stage(t: TestContext): Promise<RealHouse> {
  const real = await RealHouse.make(t)
  await real.add(JULIET, NURSE)
  const [juliet, nurse] = [real.login(`${JULIET}/balcony`), real.login(`${NURSE}/hall`)]
  juliet.says(`<iq id='b1' type='set'><block xmlns='urn:xmpp:blocking'><item jid='tybalt@verona.lit'/></block></iq>`
    + `<iq id='r1' type='set'><query xmlns='jabber:iq:roster'><item jid='${NURSE}' name='my Nurse'><group>Household</group></item></query></iq>`
    + `<presence to='${NURSE}' type='subscribe'/>`
    + `<iq id='p1' type='set'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><url name='the orchard wall' url='https://verona.lit/'/></storage></query></iq>`)
  nurse.says(`<presence to='${JULIET}' type='subscribed'/><presence to='${JULIET}' type='subscribe'/>`)
  juliet.says(`<presence to='${NURSE}' type='subscribed'/>`)
  await real.house.accountLife.lock(jid(JULIET), 'for juliet-capulet to cool down')
  await real.house.accountLife.unlock(jid(JULIET))
  await real.house.accountLife.lock(jid(JULIET), 'for juliet-capulet to cool down')
  nurse.forget()
  await fill(real)
  return real
}

describe('an account that is removed', () => {
  test('leaves no row and no byte of its name, but in rosters of others', async (t) => {
    const real = await stage(t)
    const { house } = real
    assert.deepEqual(new Set(real.naming('juliet-capulet').map(({ table }) => table)), new Set(real.tables().filter((table) => !NOBODYS.includes(table))))

    house.accountLife.remove(jid(JULIET))
    const left = real.naming('juliet-capulet')
    assert.deepEqual(left.map(({ table, values }) => [table, values['account'], values['contact'], values['state']]), [['roster_item', NURSE, JULIET, 'none']])
    assert.ok(!house.accounts.exists(jid(JULIET)))
    assert.throws(() => house.accountLife.remove(jid(JULIET)), AccountError)

    real.login(`${NURSE}/chamber`).says(`<iq id='r2' type='set'><query xmlns='jabber:iq:roster'><item jid='${JULIET}' subscription='remove'/></query></iq>`)
    assert.deepEqual(real.naming('juliet-capulet'), [])
    house.database.emptyLog()
    for (const file of readdirSync(join(real.folder, 'data')).filter((name) => name.startsWith('sotto.db'))) {
      assert.ok(!readFileSync(join(real.folder, 'data', file)).includes('juliet-capulet'), `${file} still names it`)
    }
  })

  test('RFC 6121 §3.2.2, §3.3.2: ends its subscriptions with a contact on this server, whose roster is pushed', async (t) => {
    const real = await stage(t)
    const nurse = [...real.house.sessions.of(jid(NURSE)).values()][0] as ReturnType<RealHouse['login']>
    const juliet = real.login(`${JULIET}/balcony`)
    nurse.forget()
    real.house.accountLife.remove(jid(JULIET))
    assert.equal(juliet.endedWith?.condition, 'not-authorized')
    const heard = nurse.heard()
    assert.deepEqual(heard.filter(({ name }) => name === 'presence').map(({ attrs }) => `${attrs['from']} ${attrs['type']}`),
      [`${JULIET}/balcony unavailable`, `${JULIET} unsubscribe`, `${JULIET} unsubscribed`])
    const pushes = heard.filter(({ name }) => name === 'iq').map((iq) => iq.elements()[0]?.elements()[0]?.attrs)
    assert.deepEqual(pushes.map((item) => `${item?.['jid']} ${item?.['subscription']}`), [`${JULIET} to`, `${JULIET} none`])
  })

  const TOLD: Readonly<Record<SubscriptionState, readonly string[]>> = {
    'none': [], 'none+out': ['unsubscribe'], 'none+in': ['unsubscribed'], 'none+out+in': ['unsubscribe', 'unsubscribed'],
    'to': ['unsubscribe'], 'to+in': ['unsubscribe', 'unsubscribed'],
    'from': ['unavailable', 'unsubscribed'], 'from+out': ['unavailable', 'unsubscribe', 'unsubscribed'], 'both': ['unavailable', 'unsubscribe', 'unsubscribed'],
  }
  test('RFC 6121 §3.2.2, §3.3.2: ends its subscriptions with a contact on another server, in every state, and tells others nothing', async (t) => {
    const real = await RealHouse.make(t)
    for (const state of SUBSCRIPTION_STATES) {
      await real.add(JULIET)
      await real.house.database.write(() => real.house.database.statement(
        "INSERT INTO roster_item (account, contact, name, groups, state, approved, listed) VALUES (?, ?, '', '[]', ?, 0, 1)").run(JULIET, MERCUTIO, state))
      real.login(`${JULIET}/balcony`)
      real.house.accountLife.remove(jid(JULIET))
      assert.deepEqual(real.departed.map(({ attrs }) => attrs['type']), TOLD[state], state)
      assert.ok(real.departed.every(({ attrs }) => attrs['to'] === MERCUTIO && attrs['from']?.startsWith(JULIET)))
    }
  })

  test('by its own client: others end first, and whoever asked hears the answer and nothing after it', async (t) => {
    const real = await RealHouse.make(t)
    await real.add(JULIET)
    const [balcony, orchard] = [real.login(`${JULIET}/balcony`), real.login(`${JULIET}/orchard`)]
    balcony.forget()
    const order: string[] = []
    real.house.accountLife.remove(jid(JULIET), { session: balcony, farewell: () => {
      order.push(`orchard ${orchard.endedWith?.condition}`, `balcony ${balcony.endedWith?.condition}`, `exists ${real.house.accounts.exists(jid(JULIET))}`)
    } })
    assert.deepEqual(order, ['orchard not-authorized', 'balcony undefined', 'exists false'])
    assert.equal(balcony.endedWith?.condition, 'not-authorized')
    assert.equal(real.house.sessions.count, 0)
    // What comes for it in the same moment is for an account that is not there.
    real.house.installation.router.submit(presenceFrom(MERCUTIO, JULIET, 'subscribe'))
    assert.deepEqual(real.naming('juliet-capulet'), [])
  })

  test('is there as a whole where the disk does not take it, and its contacts are not told', async (t) => {
    const broken = { is: true }
    const real = await RealHouse.make(t, [{
      name: 'broken', implements: [],
      install: () => ({ account: { deleted: () => { if (broken.is) throw new Error('no room'); return undefined } } }),
    }])
    await real.add(JULIET)
    real.login(`${JULIET}/balcony`).says(`<presence to='${MERCUTIO}' type='subscribe'/>`)
    const before = real.rows()
    real.departed.length = 0
    assert.throws(() => real.house.accountLife.remove(jid(JULIET)), /no room/)
    assert.deepEqual(real.rows(), before)
    assert.deepEqual(real.departed, [])
    assert.ok(real.house.accounts.exists(jid(JULIET)))
    broken.is = false
    real.house.accountLife.remove(jid(JULIET))
    assert.deepEqual(real.departed.map(({ attrs }) => attrs['type']), ['unsubscribe'])
  })
})

describe('the export of an account', () => {
  test('has every value of every row that is held of it, or says that it is withheld', async (t) => {
    const real = await stage(t)
    const document = read(real.house.accountLife.document(jid(JULIET)))
    const [values, elements] = contents(document)
    const withheld = elements.filter(({ name }) => name === 'withheld').map(({ attrs }) => `${attrs['table']}.${attrs['column']}`)
    assert.deepEqual(withheld, ['account.verifiers', 'token.sealed'])
    const own = real.rows().filter(isHers)
    assert.deepEqual(new Set(own.map(({ table }) => table)), new Set(real.tables().filter((table) => !NOBODYS.includes(table))))
    for (const { table, values: row } of own) {
      for (const [column, value] of Object.entries(row)) {
        if (value === null || withheld.includes(`${table}.${column}`) || OPENED.includes(`${table}.${column}`)) continue
        const text = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value)
        assert.ok(values.has(text), `${table}.${column} is held, and not in the export`)
      }
    }
    assert.ok([...values].some((value) => value.includes('the orchard wall')), 'what she put away is not in the export')
  })

  test('XEP-0227 §4: is server-data, host, user, and what another server can take over', async (t) => {
    const real = await stage(t)
    real.house.installation.router.submit(presenceFrom(MERCUTIO, JULIET, 'subscribe'))
    const text = real.house.accountLife.document(jid(JULIET))
    assert.match(text, /^<\?xml version='1\.0' encoding='UTF-8'\?>\n<server-data xmlns='urn:xmpp:pie:0'>/)
    const document = read(text)
    const [host] = document.elements() ?? []
    const [user] = host?.elements() ?? []
    assert.deepEqual([host?.attrs['jid'], user?.attrs['name'], user?.attrs['password']], ['capulet.lit', 'juliet-capulet', undefined])
    const children = user?.elements().map(({ name, namespace }) => `${name} ${namespace}`)
    assert.deepEqual(children, ['blocklist urn:xmpp:blocking', 'query jabber:iq:roster', 'presence jabber:client', 'held urn:sotto:held:0'])
    const item = user?.child('query', 'jabber:iq:roster')?.elements()[0]
    assert.deepEqual(item?.attrs, { jid: NURSE, name: 'my Nurse', subscription: 'both' })
    assert.equal(user?.child('presence', 'jabber:client')?.attrs['from'], MERCUTIO)
  })

  test('tells nothing of anybody else, and nothing that a password could be tried by', async (t) => {
    const real = await stage(t)
    await real.add('rosaline@capulet.lit')
    const { accounts, accountLife } = real.house
    const text = accountLife.document(jid(JULIET))
    assert.doesNotMatch(text, /rosaline/)
    const { scram, argon2 } = accounts.claim('juliet-capulet', 'capulet.lit').verifiers
    for (const { storedKey, serverKey } of Object.values(scram)) {
      for (const key of [storedKey, serverKey]) assert.ok(!text.includes(key.toString('base64')) && !text.includes(key.toString('hex')))
    }
    assert.ok(!text.includes(argon2))
    assert.throws(() => accountLife.document(jid('nobody@capulet.lit')), AccountError)
  })
})

describe('an account that is locked', () => {
  test('has no session and gets none; to others it is as one who is not there; unlocked, it is as before', async (t) => {
    const real = await RealHouse.make(t)
    await real.add(JULIET, NURSE)
    const [juliet, nurse] = [real.login(`${JULIET}/balcony`), real.login(`${NURSE}/hall`)]
    await real.house.accountLife.lock(jid(JULIET), 'a reason')
    assert.equal(juliet.endedWith?.condition, 'not-authorized')
    const write = `<message to='${JULIET}' type='chat' id='m1'><body>?OTRv23?</body></message>`
    nurse.says(write + write.replace(JULIET, 'nobody@capulet.lit'))
    const [locked, absent] = nurse.heard().map(({ attrs, children }) => ({ ...attrs, from: '', children }))
    assert.deepEqual(locked, absent)
    assert.ok(real.house.accounts.isLocked(jid(JULIET)))
    await real.house.accountLife.unlock(jid(JULIET))
    assert.ok(!real.house.accounts.isLocked(jid(JULIET)))
    assert.deepEqual(real.house.accounts.stored(jid(JULIET)), {
      localpart: 'juliet-capulet', domain: 'capulet.lit', created: '2025-01-31', cost: '100000,7168,1,1', locked: null, lock_reason: null,
    })
    for (const change of [real.house.accountLife.lock(jid('nobody@capulet.lit'), ''), real.house.accountLife.unlock(jid('nobody@capulet.lit'))]) {
      await assert.rejects(change, AccountError)
    }
  })
})

function presenceFrom(from: string, to: string, type: string): Envelope {
  const [stanza] = parse(`<presence from='${from}' to='${to}' type='${type}'/>`)
  assert.ok(stanza !== undefined)
  return new Envelope(stanza, jid(from), jid(to), true, 'remote', undefined)
}

/** All values of attributes and all texts, and all elements. */
function contents(element: Element): readonly [ReadonlySet<string>, readonly Element[]] {
  const values = new Set([...Object.values(element.attrs), element.content()])
  const elements = [element]
  for (const child of element.elements()) {
    const [inner, below] = contents(child)
    for (const value of inner) values.add(value)
    elements.push(...below)
  }
  return [values, elements]
}

function read(document: string): Element {
  const [root] = parse(document.replace(/^<\?xml.*\?>\n/, ''))
  assert.ok(root !== undefined)
  return root
}
