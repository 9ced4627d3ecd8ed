import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addContact, contacts, DiskNode } from './disk-node.ts'

const PING = "<iq type='get' id='ping' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>"

describe('a disk that is full', { timeout: 300_000 }, () => {
  test('what could not be stored is refused, the rest goes on, and once there is room all of it does; nothing acknowledged is lost', async (t) => {
    const node = await DiskNode.make(t, 'juliet', 'romeo')
    await node.start()
    const [juliet, other] = [await node.login('juliet'), await node.login('juliet', 'chamber')]
    await contacts(other)
    const [acknowledged, refused]: [string[], string[]] = [[], []]
    const add = async (): Promise<void> => {
      const name = String(acknowledged.length + refused.length).padStart(4, '0')
      juliet.send(`<iq type='set' id='set${name}'><query xmlns='jabber:iq:roster'><item jid='${name}@montague.lit' name='${'x'.repeat(900)}'/></query></iq>`)
      const [answer] = await juliet.expect(new RegExp(`<iq [^>]*id='set${name}'.*?(/>|</iq>)`))
      if (answer.includes("type='result'")) acknowledged.push(name)
      else {
        refused.push(name)
        assert.match(answer, /<error type='wait'><resource-constraint /)
        await other.expect(new RegExp(`<item jid='${name}@montague.lit' name=`))
        await other.expect(new RegExp(`<item jid='${name}@montague.lit' subscription='remove'/>`)) // RFC 6121 §2.1.6: it was pushed before
      }
    }
    for (let count = 0; count < 10; count++) await add()
    node.disk.fill()
    while (refused.length < 3 && acknowledged.length < 20_000) await add()
    assert.equal(refused.length, 3)
    assert.deepEqual(await contacts(juliet), acknowledged)
    const { code, stdout } = await node.command(['account', 'add'], 'nurse wherefore art thou\n')
    assert.deepEqual([code, /cannot grow\. Free some space on its disk\./.test(stdout)], [65, true], stdout)
    assert.doesNotMatch((await node.command(['account', 'list'])).stdout, /nurse/)
    const romeo = await node.login('romeo')
    await romeo.send(PING).expect(/<iq [^>]*id='ping'/)
    node.disk.free()
    await add()
    assert.equal(acknowledged.at(-1), String(acknowledged.length + refused.length - 1).padStart(4, '0'))
    assert.equal((await node.command(['account', 'add'], 'nurse wherefore art thou\n')).code, 0)
    assert.match(node.stderr, /"condition":"SQLITE_FULL".*"event":"store\.failed"/)
    assert.doesNotMatch(node.stderr, /handler-failed|process\.failed/)
    await node.end('SIGKILL')
    await node.start()
    assert.deepEqual(await contacts(await node.login('juliet')), acknowledged)
  })

  test('a server that is stopped meanwhile ends as it always does, says why it does not start, and starts once there is room', async (t) => {
    const node = await DiskNode.make(t, 'juliet')
    await node.start()
    const juliet = await node.login('juliet')
    assert.ok(await addContact(juliet, '0001'))
    node.disk.fill()
    assert.equal(await node.end('SIGTERM'), 0)
    node.disk.fill() // what its log took is free now
    await assert.rejects(node.start(), /cannot grow\. Free some space on its disk\./)
    node.disk.free()
    await node.start()
    assert.deepEqual(await contacts(await node.login('juliet')), ['0001'])
  })

  test('a limit of the size of files is like one: it can be raised while the server runs', async (t) => {
    const node = await DiskNode.make(t, 'juliet')
    await node.start()
    const juliet = await node.login('juliet')
    assert.ok(await addContact(juliet, '0001'))
    node.limitFiles('4096')
    assert.ok(!await addContact(juliet, '0002'))
    assert.ok(!await addContact(juliet, '0003'))
    node.limitFiles('unlimited')
    assert.ok(await addContact(juliet, '0004'))
    assert.deepEqual(await contacts(juliet), ['0001', '0004'])
  })
})
