import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { OnionDial } from '../../src/s2s/dial.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { createOnionKey } from '../../src/tor/onion-key.ts'

describe('whom a domain of ours may call', () => {
  const [ours, theirs] = [onionAddress(createOnionKey().publicKey), onionAddress(createOnionKey().publicKey)]
  const dial = new OnionDial({ socks: () => undefined, isOnion: (local) => local === ours, clock: systemClock, milliseconds: 1000 })

  const table: readonly (readonly [string, string, string, boolean])[] = [
    ['an onion calls an onion', ours, theirs, true],
    ['a domain that is no onion calls nobody: nobody could call it back', 'capulet.lit', theirs, false],
    ['an onion calls no name of DNS', ours, 'example.org', false],
    ['an address that is none is not even looked for', ours, `${'a'.repeat(56)}.onion`, false],
    ['nor is a name for this machine', ours, 'localhost', false],
  ]
  for (const [what, local, remote, may] of table) {
    test(`whom we may call: ${what}`, async () => {
      assert.equal(dial.reaches(local, remote), may)
      // There is no tor: it is tried again later where there is a way, and nothing else is tried instead.
      await assert.rejects(dial.call(local, remote, new AbortController().signal), { name: 'Unreachable', temporary: may })
    })
  }
})
