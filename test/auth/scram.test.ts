import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scramVerifier } from '../../src/auth/credentials.ts'
import { downgradeHash } from '../../src/auth/downgrade.ts'
import type { SaslContext, SaslExchange, SaslStep } from '../../src/auth/mechanism.ts'
import { Scram } from '../../src/auth/scram.ts'
import { SCRAM_HASHES, type Claims, type ScramHash } from '../../src/auth/verifiers.ts'
import { contextOf, jid, makeParts, ScramClient, type TestParts } from './parts.ts'

const ROMEO = jid('romeo@montague.lit')
const PASSWORD = 'Neither, fair saint'

async function withRomeo(): Promise<TestParts> {
  const parts = makeParts()
  await parts.accounts.create(ROMEO, PASSWORD)
  return parts
}

function mechanism({ accounts, attempts }: TestParts, hash: ScramHash, plus = false): Scram {
  return new Scram({ hash, plus, claims: accounts, attempts })
}

function step(exchange: SaslExchange, data: Buffer | string): SaslStep {
  const answer = exchange.step(Buffer.from(data))
  assert.ok(!(answer instanceof Promise))
  return answer
}

function challenge(answer: SaslStep): Buffer {
  assert.ok(answer.state === 'challenge', JSON.stringify(answer))
  return answer.data
}

function login(scram: Scram, client: ScramClient, context: SaslContext): { end: SaslStep; expected: string } {
  const exchange = scram.start(context)
  const { message, expected } = client.final(challenge(step(exchange, client.first())))
  return { end: step(exchange, message), expected }
}

function refused(answer: SaslStep, condition: string): void {
  assert.deepEqual(answer, { state: 'failure', condition })
}

const VECTORS = [
  {
    title: 'RFC 5802 §5: the example of SCRAM-SHA-1',
    hash: 'SHA-1', salt: 'QSXCR+Q6sek8bf92', serverNonce: '3rfcNHYJY1ZVvWVs7j',
    first: 'n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    title: 'RFC 7677 §3: the example of SCRAM-SHA-256',
    hash: 'SHA-256', salt: 'W22ZaJ0SNY7soEsUEjb6gQ==', serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
    first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
    serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    final: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,'
      + 'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const

for (const { title, hash, salt, serverNonce, first, serverFirst, final, serverFinal } of VECTORS) {
  test(title, async () => {
    const { attempts } = makeParts()
    const verifier = await scramVerifier(hash, 'pencil', Buffer.from(salt, 'base64'), 4096)
    const claims: Claims = {
      revision: 0,
      claim: () => ({
        name: 'user', address: jid('user@montague.lit'), exists: true, locked: false,
        verifiers: { argon2: '', scram: { 'SHA-1': verifier, 'SHA-256': verifier, 'SHA-512': verifier } },
      }),
      renew: () => undefined,
    }
    const exchange = new Scram({ hash, plus: false, claims, attempts }, () => serverNonce).start(contextOf())
    assert.equal(challenge(step(exchange, first)).toString(), serverFirst)
    const end = step(exchange, final)
    assert.ok(end.state === 'success')
    assert.equal(end.data?.toString(), serverFinal)
  })
}

for (const hash of SCRAM_HASHES) {
  test(`RFC 5802 §3: with SCRAM-${hash} the right password opens, the wrong one does not`, async () => {
    const parts = await withRomeo()
    const scram = mechanism(parts, hash)
    assert.equal(scram.name, `SCRAM-${hash}`)
    const context = contextOf({ offered: [scram.name, 'PLAIN'] })
    const { end, expected } = login(scram, new ScramClient(hash, 'romeo', PASSWORD), context)
    assert.ok(end.state === 'success')
    assert.equal(end.data?.toString(), expected)
    assert.equal(end.account.toString(), 'romeo@montague.lit')
    refused(login(scram, new ScramClient(hash, 'romeo', `${PASSWORD}!`), context).end, 'not-authorized')
  })
}

const BINDINGS = new Map([['tls-exporter', Buffer.alloc(32, 1)], ['tls-server-end-point', Buffer.alloc(32, 2)]])
const OFFERED = ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN']

test('RFC 9266, RFC 5929 §4: -PLUS opens with either channel binding, and with no other channel\'s', async () => {
  const scram = mechanism(await withRomeo(), 'SHA-256', true)
  const context = contextOf({ offered: OFFERED, channelBindings: BINDINGS })
  for (const [type, binding] of BINDINGS) {
    const bound = (data: Buffer): ScramClient =>
      new ScramClient('SHA-256', 'romeo', PASSWORD, { header: `p=${type},,`, binding: data })
    assert.equal(login(scram, bound(binding), context).end.state, 'success', type)
    refused(login(scram, bound(Buffer.alloc(32, 9)), context).end, 'not-authorized')
    refused(login(scram, bound(Buffer.alloc(0)), context).end, 'not-authorized')
  }
})

test('RFC 5802 §6: a binding that is not listed opens as well, and with its own data only', async () => {
  const scram = mechanism(await withRomeo(), 'SHA-256', true)
  const unlistedBindings = new Map([['tls-unique', Buffer.alloc(32, 3)]])
  const context = contextOf({ offered: OFFERED, channelBindings: BINDINGS, unlistedBindings })
  const bound = (data: Buffer): ScramClient =>
    new ScramClient('SHA-256', 'romeo', PASSWORD, { header: 'p=tls-unique,,', binding: data })
  assert.equal(login(scram, bound(Buffer.alloc(32, 3)), context).end.state, 'success')
  refused(login(scram, bound(Buffer.alloc(32, 9)), context).end, 'not-authorized')
})

test('RFC 5802 §6: channel binding is used exactly with -PLUS, of a type that the stream has', async () => {
  const parts = await withRomeo()
  const context = contextOf({ offered: OFFERED, channelBindings: BINDINGS })
  const first = (plus: boolean, header: string): SaslStep =>
    step(mechanism(parts, 'SHA-256', plus).start(context), `${header}n=romeo,r=abc`)
  refused(first(true, 'n,,'), 'malformed-request')
  refused(first(true, 'y,,'), 'malformed-request')
  refused(first(false, 'p=tls-exporter,,'), 'malformed-request')
  refused(first(true, 'p=tls-unique,,'), 'malformed-request')
  challenge(first(true, 'p=tls-exporter,,'))
  challenge(first(false, 'n,,'))
})

test('RFC 5802 §6: "y" fails where -PLUS was offered: somebody took it from the list', async () => {
  const parts = await withRomeo()
  const client = new ScramClient('SHA-256', 'romeo', PASSWORD, { header: 'y,,' })
  const scram = mechanism(parts, 'SHA-256')
  const stripped = scram.start(contextOf({ offered: OFFERED, channelBindings: BINDINGS }))
  refused(step(stripped, client.first()), 'not-authorized')
  const { end } = login(scram, client, contextOf({ offered: ['SCRAM-SHA-256', 'PLAIN'] }))
  assert.equal(end.state, 'success')
})

test('RFC 5802 §7: the last message repeats the gs2 header; another one is a downgrade', async () => {
  const parts = await withRomeo()
  const exchange = mechanism(parts, 'SHA-256').start(contextOf({ offered: ['SCRAM-SHA-256'] }))
  const sent = new ScramClient('SHA-256', 'romeo', PASSWORD, { header: 'n,,' })
  const meant = new ScramClient('SHA-256', 'romeo', PASSWORD, { header: 'y,,' })
  refused(step(exchange, meant.final(challenge(step(exchange, sent.first()))).message), 'not-authorized')
})

test('XEP-0474 §6.3: the example hash', () => {
  assert.equal(downgradeHash('SHA-1', ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-1'], ['tls-server-end-point', 'tls-exporter']),
    'G6k/rBLDqgOhRRaCuuatSDFkJ08=')
})

test('XEP-0474 §6.1: the first message carries the hash of what was offered, bindings if there are any', async () => {
  const parts = await withRomeo()
  const hashOf = (plus: boolean, header: string, context: SaslContext): string | undefined => {
    const exchange = mechanism(parts, 'SHA-256', plus).start(context)
    return /,h=([^,]+)$/.exec(challenge(step(exchange, `${header}n=romeo,r=a`)).toString())?.[1]
  }
  const bound = contextOf({ offered: OFFERED, channelBindings: BINDINGS })
  assert.equal(hashOf(true, 'p=tls-exporter,,', bound), downgradeHash('SHA-256', OFFERED, [...BINDINGS.keys()]))
  assert.equal(hashOf(false, 'n,,', contextOf({ offered: ['SCRAM-SHA-256', 'PLAIN'] })),
    downgradeHash('SHA-256', ['PLAIN', 'SCRAM-SHA-256'], []))
})

test('a message that says less or more than RFC 5802 §7 allows is malformed', async () => {
  const parts = await withRomeo()
  const firsts = [
    'n=romeo,r=a', 'n,n=romeo,r=a', 'x,,n=romeo,r=a', 'n,,m=new,n=romeo,r=a', 'n,,n=,r=a', 'n,,n=romeo',
    'n,,n=romeo,r=',
    'n,,n=romeo,r=a b', 'n,,n=romeo,r=\u00e9', 'n,,n=ro=meo,r=a', 'n,,n=ro=2,r=a', 'n,,r=a,n=romeo', 'n,,n=romeo,r=a,',
    'n,,n=romeo\0,r=a', 'n,a=,n=romeo,r=a', 'n,b=x,n=romeo,r=a', 'p=,,n=romeo,r=a', 'F,n,,n=romeo,r=a', '\n',
    'n,,n=romeo,r=a,x', `n,,n=romeo,r=a${',x=1'.repeat(5000)},`,
  ]
  for (const first of firsts) {
    refused(step(mechanism(parts, 'SHA-1').start(contextOf()), first), 'malformed-request')
  }
  const notUtf8 = Buffer.concat([Buffer.from('n,,n='), Buffer.of(0xff), Buffer.from(',r=a')])
  refused(step(mechanism(parts, 'SHA-1').start(contextOf()), notUtf8), 'malformed-request')

  const finals = ['', 'c=biws', 'r=a,c=biws,p=AAAA', 'c=biws,r=a', 'c=biws,r=a,p=', 'c=biws,r=a,p=A A', 'c=,r=a,p=AAAA']
  for (const final of finals) {
    const exchange = mechanism(parts, 'SHA-1').start(contextOf())
    challenge(step(exchange, 'n,,n=romeo,r=a'))
    refused(step(exchange, final), 'malformed-request')
  }
})

test('RFC 5802 §5.1: optional extensions pass, and the proof covers them', async () => {
  const parts = await withRomeo()
  const client = new ScramClient('SHA-256', 'romeo', PASSWORD, { nonce: 'abc,x=why,y=z' })
  assert.equal(login(mechanism(parts, 'SHA-256'), client, contextOf()).end.state, 'success')
  const exchange = mechanism(parts, 'SHA-256').start(contextOf())
  const { message } = client.final(challenge(step(exchange, client.first())))
  refused(step(exchange, message.toString().replace(',p=', ',x=added,p=')), 'not-authorized')
})

test('a nonce that is not the one given, whole, opens nothing', async () => {
  const parts = await withRomeo()
  for (const change of [(nonce: string) => nonce.slice(0, -1), (nonce: string) => `${nonce}x`, () => 'abc']) {
    const exchange = mechanism(parts, 'SHA-256').start(contextOf())
    const client = new ScramClient('SHA-256', 'romeo', PASSWORD, { nonce: 'abc' })
    const serverFirst = challenge(step(exchange, client.first()))
    const [, nonce = ''] = /^r=([^,]+)/.exec(serverFirst.toString()) ?? []
    assert.equal(nonce.length, 'abc'.length + 24)
    refused(step(exchange, client.final(serverFirst, change(nonce)).message), 'not-authorized')
  }
})

test('a proof is good for its own exchange alone, and an exchange for one proof', async () => {
  const scram = mechanism(await withRomeo(), 'SHA-256')
  const client = new ScramClient('SHA-256', 'romeo', PASSWORD)
  const one = scram.start(contextOf())
  const { message } = client.final(challenge(step(one, client.first())))
  assert.equal(step(one, message).state, 'success')
  refused(step(one, message), 'malformed-request')
  const other = scram.start(contextOf())
  step(other, client.first())
  refused(step(other, message), 'not-authorized')
})

test('RFC 6120 §6.4.2: where <auth/> brings no initial response the client is asked for it, once', async () => {
  const exchange = mechanism(await withRomeo(), 'SHA-256').start(contextOf())
  assert.deepEqual(step(exchange, ''), { state: 'challenge', data: Buffer.alloc(0) })
  const client = new ScramClient('SHA-256', 'romeo', PASSWORD)
  const { message } = client.final(challenge(step(exchange, client.first())))
  assert.equal(step(exchange, message).state, 'success')
  const silent = mechanism(makeParts(), 'SHA-256').start(contextOf())
  step(silent, '')
  refused(step(silent, ''), 'malformed-request')
})

test('auth.downgrade_protection = false: the server says nothing but what RFC 5802 knows', async () => {
  const { accounts: claims, attempts } = await withRomeo()
  for (const [downgradeProtection, pattern] of [[true, /,i=\d+,h=/], [false, /,i=\d+$/]] as const) {
    const scram = new Scram({ hash: 'SHA-256', plus: false, claims, attempts, downgradeProtection })
    const exchange = scram.start(contextOf({ offered: ['SCRAM-SHA-256'] }))
    assert.match(challenge(step(exchange, 'n,,n=romeo,r=abc')).toString(), pattern)
  }
})

test('RFC 6120 §6.3.8: an authorization identity is the own bare JID or absent', async () => {
  const scram = mechanism(await withRomeo(), 'SHA-256')
  const as = (authzid: string): SaslStep => step(scram.start(contextOf()), `n,a=${authzid},n=romeo,r=abc`)
  challenge(as('romeo@montague.lit'))
  const others = ['juliet@montague.lit', 'romeo@capulet.lit', 'romeo', 'montague.lit', 'romeo@montague.lit/home', '@']
  for (const other of others) refused(as(other), 'invalid-authzid')
})

test('RFC 5802 §5.1: names are prepared with SASLprep, "=2C" and "=3D" are unescaped', async () => {
  const parts = await withRomeo()
  const names: string[] = []
  const claims: Claims = {
    revision: 0,
    claim: (username, domain) => {
      names.push(username)
      return parts.accounts.claim(username, domain)
    },
    renew: () => undefined,
  }
  const scram = new Scram({ hash: 'SHA-256', plus: false, claims, attempts: parts.attempts })
  step(scram.start(contextOf()), 'n,,n=a=2Cb=3Dc,r=x')
  assert.deepEqual(names, ['a,b=c'])
  const soft = new ScramClient('SHA-256', 'ro\u00admeo', PASSWORD) // a soft hyphen is mapped to nothing
  assert.equal(login(mechanism(parts, 'SHA-256'), soft, contextOf()).end.state, 'success')
})

test('an account removed or given another password between two steps does not open any more', async () => {
  const parts = await withRomeo()
  const scram = mechanism(parts, 'SHA-256')
  const changes = [() => parts.accounts.setPassword(ROMEO, 'another password'), () => parts.accounts.delete(ROMEO)]
  for (const change of changes) {
    const exchange = scram.start(contextOf())
    const client = new ScramClient('SHA-256', 'romeo', PASSWORD)
    const { message } = client.final(challenge(step(exchange, client.first())))
    await change()
    refused(step(exchange, message), 'not-authorized')
  }
})

test('RFC 6120 §6.5.1: an account that is locked is account-disabled once the proof is right, and shows nothing before', async () => {
  const parts = await withRomeo()
  const scram = mechanism(parts, 'SHA-256')
  const before = challenge(step(scram.start(contextOf()), new ScramClient('SHA-256', 'romeo', PASSWORD).first())).toString()
  const halfway = scram.start(contextOf())
  const client = new ScramClient('SHA-256', 'romeo', PASSWORD)
  const { message } = client.final(challenge(step(halfway, client.first())))
  await parts.accounts.lock(ROMEO, 'banished')
  refused(step(halfway, message), 'account-disabled')
  const salt = (text: string): string => /,s=[^,]+,i=\d+/.exec(text)?.[0] ?? 'none'
  assert.equal(salt(challenge(step(scram.start(contextOf()), client.first())).toString()), salt(before))
  const end = (password: string): SaslStep => login(scram, new ScramClient('SHA-256', 'romeo', password), contextOf()).end
  refused(end('wrong password'), 'not-authorized')
  refused(end(PASSWORD), 'account-disabled')
  await parts.accounts.unlock(ROMEO)
  assert.equal(end(PASSWORD).state, 'success')
})
