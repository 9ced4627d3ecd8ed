import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RemoteWatchers } from '../../src/pep/remote-watchers.ts'
import { element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { jid } from '../house.ts'

const JULIET = jid('juliet@capulet.lit')
const PRESENCE = element(NS_CLIENT, 'presence')
const names = (watchers: RemoteWatchers, account = JULIET): string[] => [...watchers.of(account)].map(({ resource }) => resource.toString())

describe('resources elsewhere that show their presence', () => {
  test('come and go one by one, or all of a contact, or all of a server', () => {
    const watchers = new RemoteWatchers()
    for (const address of ['a@x.example/1', 'a@x.example/2', 'b@x.example/1', 'c@y.example/1']) watchers.available(JULIET, jid(address), PRESENCE)
    watchers.unavailable(JULIET, jid('a@x.example/2'))
    assert.deepEqual(names(watchers), ['a@x.example/1', 'b@x.example/1', 'c@y.example/1'])
    watchers.unavailable(JULIET, jid('a@x.example'))
    watchers.lost('montague.lit', 'x.example')
    assert.deepEqual(names(watchers), ['b@x.example/1', 'c@y.example/1'])
    watchers.lost('capulet.lit', 'x.example')
    assert.deepEqual(names(watchers), ['c@y.example/1'])
    watchers.forget(JULIET)
    assert.deepEqual(names(watchers), [])
  })

  test('are 16 of a contact at most', () => {
    const watchers = new RemoteWatchers()
    for (let number = 0; number < 20; number++) watchers.available(JULIET, jid(`a@x.example/${number}`), PRESENCE)
    assert.equal(names(watchers).length, 16)
    watchers.available(JULIET, jid('b@x.example/1'), PRESENCE)
    assert.equal(names(watchers).length, 17)
  })

  test('are 50,000 of a domain of ours at most, whatever another one has; who goes makes room', () => {
    const watchers = new RemoteWatchers()
    for (let number = 0; number < 50_001; number++) watchers.available(JULIET, jid(`a${number}@x.example/1`), PRESENCE)
    assert.equal(names(watchers).length, 50_000)
    assert.ok(watchers.available(jid('romeo@montague.lit'), jid('a@x.example/1'), PRESENCE))
    watchers.unavailable(JULIET, jid('a7@x.example/1'))
    assert.ok(watchers.available(JULIET, jid('late@x.example/1'), PRESENCE))
  })
})
