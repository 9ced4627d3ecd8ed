import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { authoritativeAnswer, dialbackKey, DialbackSecrets, readDialback, request } from '../../src/s2s/dialback.ts'
import { element } from '../../src/xml/element.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { NS_DIALBACK, NS_SERVER } from '../../src/xmpp/namespaces.ts'

const [CAPULET, MONTAGUE] = ['capulet.example', 'montague.example']

describe('dialback keys', () => {
  test('XEP-0185 §2: the key of the example', () => {
    assert.equal(dialbackKey('s3cr3tf0rd14lb4ck', 'xmpp.example.com', 'example.org', 'D60000229F'),
      '37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643')
  })

  test('XEP-0185 §2: the fields cannot be moved into each other', () => {
    assert.notEqual(dialbackKey('s', 'a', 'b', 'cd'), dialbackKey('s', 'a', 'bc', 'd'))
    assert.notEqual(dialbackKey('s', 'ab', 'c', 'd'), dialbackKey('s', 'a', 'bc', 'd'))
  })

  test('a key is for one pair of domains and one stream', () => {
    const secrets = new DialbackSecrets()
    const key = secrets.keyFor(MONTAGUE, CAPULET, 'id')
    assert.equal(secrets.isKey(key, MONTAGUE, CAPULET, 'id'), true)
    for (const [from, to, id] of [[MONTAGUE, CAPULET, 'other'], [CAPULET, MONTAGUE, 'id'], [MONTAGUE, 'verona.example', 'id']] as const) {
      assert.equal(secrets.isKey(key, from, to, id), false)
    }
    for (const wrong of ['', key.slice(1), key.toUpperCase(), `${key} `]) assert.equal(secrets.isKey(wrong, MONTAGUE, CAPULET, 'id'), false)
  })

  test('each domain of ours has its own secret, and no secret outlives the process', () => {
    const made: string[] = []
    const secrets = new DialbackSecrets(() => {
      made.push(`secret ${made.length}`)
      return made.at(-1) ?? ''
    })
    for (const from of [MONTAGUE, 'verona.example', MONTAGUE]) {
      const key = secrets.keyFor(from, CAPULET, 'id')
      assert.equal(key, dialbackKey(from === MONTAGUE ? 'secret 0' : 'secret 1', CAPULET, from, 'id'))
    }
    assert.equal(made.length, 2)
    assert.notEqual(new DialbackSecrets().keyFor(MONTAGUE, CAPULET, 'id'), new DialbackSecrets().keyFor(MONTAGUE, CAPULET, 'id'))
  })
})

describe('elements of dialback', () => {
  test('XEP-0220 §2.2.2: the authoritative server knows its keys, and no other domain\'s', () => {
    const secrets = new DialbackSecrets()
    const asked = (key: string, to = MONTAGUE) => serialize(
      authoritativeAnswer(secrets, MONTAGUE, readDialback(request('verify', CAPULET, to, key, '417GAF25'))), NS_SERVER)
    const from = `<db:verify from='montague.example' to='capulet.example' id='417GAF25'`
    assert.equal(asked(secrets.keyFor(MONTAGUE, CAPULET, '417GAF25')), `${from} type='valid'/>`)
    assert.equal(asked('b'.repeat(64)), `${from} type='invalid'/>`)
    assert.match(asked(secrets.keyFor('verona.example', CAPULET, '417GAF25'), 'verona.example'), /type='error'><error type='cancel'><item-not-found/)
  })

  const broken: readonly (readonly [string, Readonly<Record<string, string>>, string, RegExp])[] = [
    ['no `from`', { to: CAPULET }, 'result', /improper-addressing/],
    ['no `to`', { from: CAPULET }, 'result', /improper-addressing/],
    ['an account', { from: `romeo@${MONTAGUE}`, to: CAPULET }, 'verify', /improper-addressing/],
    ['a resource', { from: MONTAGUE, to: `${CAPULET}/x` }, 'verify', /improper-addressing/],
    ['another name', { from: MONTAGUE, to: CAPULET }, 'proof', /unsupported-stanza-type/],
    ['an endless id', { from: MONTAGUE, to: CAPULET, id: 'x'.repeat(129) }, 'verify', /policy-violation/],
  ]
  for (const [what, attributes, name, error] of broken) {
    test(`${what} ends the stream`, () => {
      assert.throws(() => readDialback(element(NS_DIALBACK, name, attributes, 'key')), error)
    })
  }
})
