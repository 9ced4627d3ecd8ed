import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ServerMechanisms } from '../../src/auth/external.ts'
import type { Credential, SaslContext, SaslStep } from '../../src/auth/mechanism.ts'
import { Authorities } from '../../src/net/authorities.ts'
import { judge } from '../../src/net/certificate-judge.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { dns, Issued, NOW, srv, type Wishes } from '../net/authority.ts'
import { contextOf, jid } from './parts.ts'

describe('XEP-0178 §3: SASL EXTERNAL between servers', async () => {
  const root = await Issued.root()
  const authorities = new Authorities([root.pem])
  const mechanisms = new ServerMechanisms()

  async function credential(from: string | undefined, wishes: Wishes): Promise<Credential> {
    const leaf = await root.issue(wishes)
    return { from: from === undefined ? undefined : Jid.parse(from), judged: judge([leaf.der], { authorities, now: NOW }) }
  }

  const offered = (context: Partial<SaslContext>): readonly string[] => mechanisms.mechanisms(contextOf(context))

  async function montague(): Promise<SaslContext> {
    const context = contextOf({ domain: 'capulet.lit', credential: await credential('montague.lit', { names: [dns('montague.lit')] }) })
    return { ...context, offered: mechanisms.mechanisms(context) }
  }

  function say(context: SaslContext, response: string | Buffer): SaslStep | Promise<SaslStep> | undefined {
    return mechanisms.start('EXTERNAL', context)?.step(Buffer.from(response))
  }

  test('step 9: offered where the certificate names the domain of the stream header', async () => {
    for (const [from, names, wanted] of [
      ['montague.lit', [dns('montague.lit')], true],
      ['chat.montague.lit', [dns('*.montague.lit')], true],
      ['montague.lit', [srv('_xmpp-server.montague.lit')], true],
      ['montague.lit', [srv('_xmpp-client.montague.lit')], false],
      ['montague.lit', [dns('capulet.lit')], false],
      ['romeo@montague.lit', [dns('montague.lit')], false],
      ['montague.lit/garden', [dns('montague.lit')], false],
      [undefined, [dns('montague.lit')], false],
    ] as const) {
      assert.deepEqual(offered({ credential: await credential(from, { names }) }), wanted ? ['EXTERNAL'] : [], String(from))
    }
  })

  test('RFC 6120 §6.3.4: not offered without a certificate that is believed, and not without TLS', async () => {
    const good = await credential('montague.lit', { names: [dns('montague.lit')] })
    assert.deepEqual(offered({ credential: { ...good, judged: judge([], { authorities, now: NOW }) } }), [])
    assert.deepEqual(offered({ credential: await credential('montague.lit', { names: [dns('montague.lit')], to: NOW - 1000 }) }), [])
    assert.deepEqual(offered({}), [])
    assert.deepEqual(offered({ credential: good, secured: false }), [])
  })

  test('a name under .onion is never proved by a certificate, whoever signed it', async () => {
    const onion = `${'a'.repeat(55)}d.onion`
    for (const from of [onion, `chat.${onion}`, 'x.onion']) {
      assert.deepEqual(offered({ credential: await credential(from, { names: [dns(from)] }) }), [], from)
    }
  })

  test('step 11: without an authorization identity, or with its own, the peer is the domain of its stream header', async () => {
    const context = await montague()
    for (const response of ['', 'montague.lit', 'MONTAGUE.lit']) {
      assert.deepEqual(say(context, response), { state: 'success', data: undefined, account: jid('montague.lit') }, response)
    }
  })

  test('RFC 6120 §6.5.6: with another authorization identity it is nobody', async () => {
    const context = await montague()
    for (const response of ['capulet.lit', 'chat.montague.lit', 'romeo@montague.lit', 'montague.lit/garden', '\0montague.lit', '@', 'x'.repeat(4000)]) {
      assert.deepEqual(say(context, response), { state: 'failure', condition: 'invalid-authzid' }, response)
    }
    assert.deepEqual(say(context, Buffer.of(0xff)), { state: 'failure', condition: 'malformed-request' })
  })

  test('RFC 6120 §6.5.7: what was not offered cannot be started', async () => {
    const context = await montague()
    assert.equal(mechanisms.start('PLAIN', context), undefined)
    assert.equal(mechanisms.start('EXTERNAL', { ...context, offered: [] }), undefined)
    assert.deepEqual(say({ ...context, credential: undefined }, ''), { state: 'failure', condition: 'not-authorized' })
  })
})
