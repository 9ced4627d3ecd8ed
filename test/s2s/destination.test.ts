import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ServiceRecord } from '../../src/net/resolver.ts'
import { decide, type Decision, type DestinationQuestion, type Findings } from '../../src/s2s/destination.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'

const ONION = onionAddress(Buffer.alloc(32, 1))
const OURS = onionAddress(Buffer.alloc(32, 2))
const MAPPED = onionAddress(Buffer.alloc(32, 3))
const FALSE_ONION = ONION.replace(/^./, (letter) => letter === 'a' ? 'b' : 'a')

interface Given extends Partial<Omit<DestinationQuestion, 'settings'>> {
  readonly tor?: boolean
  readonly resolvers?: boolean
}

function decided({ tor = true, resolvers = true, ...given }: Given): Decision {
  const onionMap = { 'mapped.lit': { host: MAPPED, port: 5270 }, 'bücher.lit': { host: MAPPED, port: 5269 } }
  return decide({
    local: 'capulet.lit', policy: 'direct', remote: 'montague.lit', found: undefined, random: () => 0,
    ...given, settings: { tor, resolvers, onionMap },
  })
}

/** A decision in one line, e.g. 'tor montague.lit:5269 starttls certificate'. */
function told(decision: Decision): string {
  if (decision.state === 'refused') return `refused ${decision.reason}${decision.temporary ? ' for now' : ''}`
  if (decision.state === 'ask') return `ask ${decision.via} ${decision.name}`
  return decision.routes.map(({ via, host, port, tls, proof }) => `${via} ${host}:${port} ${tls} ${proof}`).join(', ')
}

function record(target: string, port = 5269, priority = 0, weight = 0): ServiceRecord {
  return { priority, weight, port, target }
}

const found = (starttls: Findings['starttls'], directTls: Findings['directTls'] = []): Findings => ({ starttls, directTls })

describe('a domain that is an onion', () => {
  for (const policy of ['direct', 'tor', 'refuse'] as const) {
    for (const local of ['capulet.lit', OURS]) {
      test(`is called there, through Tor, whatever the policy: ${policy}, from ${local === OURS ? 'an onion' : 'a DNS name'}`, () => {
        assert.equal(told(decided({ local, policy, remote: ONION, resolvers: false })), `tor ${ONION}:5269 starttls onion`)
      })
    }
  }

  test('is not called where no tor is used, and never in another way', () => {
    assert.equal(told(decided({ remote: ONION, tor: false })), 'refused no-tor')
  })

  test('may have names below its address, for which its key answers, too', () => {
    assert.equal(told(decided({ remote: `rooms.${ONION}` })), `tor ${ONION}:5269 starttls onion`)
  })

  test('RFC 7686 §2: what ends in .onion and is no address is never asked of DNS', () => {
    for (const remote of [FALSE_ONION, 'montague.onion', 'onion', `${ONION.slice(1)}`, 'expyuzz4wqqyqhjn.onion', `${FALSE_ONION}.${FALSE_ONION}`]) {
      for (const policy of ['direct', 'tor'] as const) {
        assert.equal(told(decided({ remote, policy, found: found([record('montague.lit')]) })), 'refused no-such-name', remote)
      }
    }
  })
})

describe('a domain in the onion map', () => {
  for (const policy of ['direct', 'tor', 'refuse'] as const) {
    test(`is called at its onion and has to show its own certificate: ${policy}`, () => {
      assert.equal(told(decided({ policy, remote: 'mapped.lit', resolvers: false })), `tor ${MAPPED}:5270 starttls certificate`)
    })
  }

  test('is found by its name as JIDs have it', () => {
    assert.equal(told(decided({ remote: 'bücher.lit' })), `tor ${MAPPED}:5269 starttls certificate`)
  })

  test('is not called elsewhere where no tor is used', () => {
    assert.equal(told(decided({ remote: 'mapped.lit', tor: false, found: found([record('x.lit')]) })), 'refused no-tor')
  })

  test('does not stand for the names below it, nor for what every object has', () => {
    assert.equal(told(decided({ remote: 'rooms.mapped.lit' })), 'ask direct rooms.mapped.lit')
    assert.equal(told(decided({ remote: 'constructor' })), 'ask direct constructor')
  })
})

describe('any other domain', () => {
  const table: readonly (readonly [Given, string])[] = [
    [{ policy: 'direct' }, 'ask direct montague.lit'],
    [{ policy: 'direct', tor: false, resolvers: false }, 'ask direct montague.lit'],
    [{ policy: 'tor' }, 'ask tor montague.lit'],
    [{ policy: 'tor', tor: false }, 'refused no-tor'],
    [{ policy: 'tor', resolvers: false }, 'refused no-resolvers'],
    [{ policy: 'refuse' }, 'refused policy'],
    [{ policy: 'refuse', found: found([record('xmpp.montague.lit')]) }, 'refused policy'],
    [{ policy: 'tor', resolvers: false, found: found([record('xmpp.montague.lit')]) }, 'refused no-resolvers'],
    [{ local: OURS, policy: 'tor' }, 'ask tor montague.lit'],
    [{ local: OURS, policy: 'tor', resolvers: false }, 'refused no-resolvers'],
    [{ local: OURS, policy: 'refuse' }, 'refused policy'],
    // However it came into the configuration.
    [{ local: OURS, policy: 'direct' }, 'ask tor montague.lit'],
    [{ local: OURS, policy: 'direct', tor: false }, 'refused no-tor'],
    [{ local: OURS, policy: 'direct', found: found([]) }, 'tor montague.lit:5269 starttls certificate'],
    [{ remote: 'bücher.montague.lit' }, 'ask direct xn--bcher-kva.montague.lit'],
  ]
  for (const [given, answer] of table) {
    const { local, policy, ...rest } = given
    test(`by policy: ${local === OURS ? 'an onion of ours' : 'ours'}, ${policy}, ${JSON.stringify(rest)}: ${answer}`, () => {
      assert.equal(told(decided(given)), answer)
    })
  }

  test('an address, or a name for this machine or network, is no domain of others', () => {
    for (const remote of [
      '127.0.0.1', '[::1]', 'localhost', 'a.localhost', 'printer.local', 'x.invalid', 'db.internal', 'router.home.arpa', '', 'a..b', '_x.lit',
      'a b.lit', '-a.lit', `${'a'.repeat(64)}.lit`, `${'a.'.repeat(127)}lit`,
    ]) assert.equal(told(decided({ remote })), 'refused no-such-name', remote)
  })
})

for (const policy of ['direct', 'tor'] as const) {
  const say = (findings: Findings, more: Given = {}) => told(decided({ policy, found: findings, ...more }))

  describe(`what DNS said, by policy ${policy}`, () => {
    test('RFC 6120 §3.2.2: without any record it is the domain itself, port 5269', () => {
      assert.equal(say(found([], [])), `${policy} montague.lit:5269 starttls certificate`)
      assert.equal(say(found([], []), { remote: 'bücher.montague.lit' }), `${policy} xn--bcher-kva.montague.lit:5269 starttls certificate`)
    })

    test('RFC 6120 §3.2.1: with records that lead nowhere there is no fallback', () => {
      for (const records of [[record('127.0.0.1')], [record('localhost')], [record('x.lit', 0)], [record('a_b.lit')], [record(FALSE_ONION)]]) {
        assert.equal(say(found(records)), 'refused no-service')
      }
    })

    test('RFC 2782: the target "." says that there is no such service', () => {
      assert.equal(say(found([record('.', 0)])), 'refused no-service')
      assert.equal(say(found([record('.', 0)], [record('.', 0)])), 'refused no-service')
      assert.equal(say(found([record('.', 0)], [record('x.lit', 5270)])), `${policy} x.lit:5270 direct certificate`)
    })

    test('XEP-0368 §5: "." for direct TLS leaves STARTTLS, by SRV records alone', () => {
      assert.equal(say(found([record('x.lit')], [record('.', 0)])), `${policy} x.lit:5269 starttls certificate`)
      assert.equal(say(found([], [record('.', 0)])), 'refused no-service')
    })

    test('XEP-0368 §3: the records of both services are mixed by priority', () => {
      assert.equal(
        say(found([record('a.lit', 5269, 2), record('b.lit', 5269, 0)], [record('a.lit', 443, 1), record('c.lit', 443, 3)])),
        ['b.lit:5269 starttls', 'a.lit:443 direct', 'a.lit:5269 starttls', 'c.lit:443 direct'].map((one) => `${policy} ${one} certificate`).join(', '),
      )
    })

    test('no answer is not the answer "no records": it may come later', () => {
      assert.equal(say(found('failed', 'failed')), 'refused no-answer for now')
      assert.equal(say(found('failed', [])), 'refused no-answer for now')
      assert.equal(say(found([], 'failed')), 'refused no-answer for now')
      assert.equal(say(found('failed', [record('.', 0)])), 'refused no-answer for now')
      assert.equal(say(found([record('x.lit')], 'failed')), `${policy} x.lit:5269 starttls certificate`)
    })

    test('hundreds of servers are cut down to 32, the first by priority', () => {
      const many = Array.from({ length: 300 }, (_, index) => record(`x${index}.lit`, 5269, 300 - index))
      const routes = say(found(many)).split(', ')
      assert.equal(routes.length, 32)
      assert.equal(routes[0], `${policy} x299.lit:5269 starttls certificate`)
    })

    test('the same server named twice is tried once', () => {
      assert.equal(say(found([record('x.lit'), record('x.lit')], [record('x.lit')])),
        `${policy} x.lit:5269 starttls certificate, ${policy} x.lit:5269 direct certificate`)
    })

    test('an onion that DNS names is called through Tor, never looked up, and proves nothing by itself', () => {
      assert.equal(say(found([record(ONION)])), `tor ${ONION}:5269 starttls certificate`)
    })
  })
}

test('an onion that DNS names is left out where no tor is used', () => {
  assert.equal(told(decided({ tor: false, found: found([record(ONION), record('x.lit')]) })), 'direct x.lit:5269 starttls certificate')
})

test('no two pairs of domains have the same isolation, and a question has that of its routes', () => {
  const isolations = ['capulet.lit', OURS].flatMap((local) => ['montague.lit', 'mapped.lit', ONION].map((remote) => {
    const decision = decided({ local, remote, policy: 'tor', found: found([]) })
    assert.ok(decision.state === 'routes')
    const asked = decided({ local, remote, policy: 'tor' })
    if (asked.state === 'ask') assert.equal(asked.isolation, decision.routes[0]?.isolation)
    return decision.routes[0]?.isolation
  }))
  assert.equal(new Set(isolations).size, 6)
})
