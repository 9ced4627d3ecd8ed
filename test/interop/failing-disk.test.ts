import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, test, type TestContext } from 'node:test'
import { addContact, contacts, DiskNode } from '../scenario/disk-node.ts'

const PING = "<iq type='get' id='ping' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>"

/** What the kernel answers to a running server, by strace: as it does for a disk that fails. */
async function injected(t: TestContext, node: DiskNode, what: string): Promise<{ end(): Promise<void> }> {
  const calls = what.slice(0, what.indexOf(':'))
  const strace = spawn('strace', ['-f', `--trace=${calls}`, `--inject=${what}`, '-P', `${node.disk.folder}/data/sotto.db-wal`, '-o', '/dev/null', `--attach=${node.pid}`],
    { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => strace.kill('SIGKILL'))
  let said = ''
  for await (const chunk of strace.stderr) {
    said += String(chunk)
    if (/attached/.test(said)) break
  }
  return {
    end: async () => {
      if (strace.exitCode !== null || strace.signalCode !== null) return
      strace.kill('SIGINT')
      await once(strace, 'exit')
    },
  }
}

describe('a disk that fails while the server runs', { timeout: 240_000 }, () => {
  const failures: readonly (readonly [what: string, injection: string])[] = [
    ['becomes read-only, as ext4 does after an error', 'pwrite64:error=EROFS'],
    ['cannot be written', 'pwrite64:error=EIO'],
    ['cannot be made to keep what was written', 'fsync,fdatasync:error=EIO'],
    ['has room for some of it only', 'pwrite64:error=ENOSPC:when=2+2'],
  ]
  for (const [what, injection] of failures) {
    test(`one that ${what}: it is refused, the rest goes on, and so does all of it when that ends; nothing acknowledged is lost`, async (t) => {
      const node = await DiskNode.make(t, 'juliet')
      await node.start()
      const juliet = await node.login('juliet')
      const acknowledged: string[] = []
      const add = async (name: string): Promise<boolean> => {
        const isStored = await addContact(juliet, name)
        if (isStored) acknowledged.push(name)
        return isStored
      }
      assert.ok(await add('0001'))
      const failing = await injected(t, node, injection)
      assert.ok(!await add('0002'))
      assert.ok(!await add('0003'))
      await juliet.send(PING).expect(/<iq [^>]*id='ping'/)
      await failing.end()
      assert.ok(await add('0004'))
      assert.deepEqual(await contacts(juliet), acknowledged)
      assert.doesNotMatch(node.stderr, /process\.failed|handler-failed/)
      await node.end('SIGKILL')
      await node.start()
      assert.deepEqual(await contacts(await node.login('juliet')), acknowledged)
    })
  }

  test('one that is slow: what waits for it is answered when it is there, and a backup is made meanwhile', async (t) => {
    const node = await DiskNode.make(t, 'juliet', 'romeo')
    await node.start()
    const [juliet, romeo] = [await node.login('juliet'), await node.login('romeo')]
    const slow = await injected(t, node, 'fsync,fdatasync:delay_enter=1s')
    const backup = node.command(['backup', 'now'])
    for (const name of ['0001', '0002', '0003']) assert.ok(await addContact(juliet, name))
    await romeo.send(PING).expect(/<iq [^>]*id='ping'/)
    assert.deepEqual(await backup.then(({ code, stderr }) => [code, stderr]), [0, ''])
    await slow.end()
    await node.end('SIGKILL')
    await node.start()
    assert.deepEqual(await contacts(await node.login('juliet')), ['0001', '0002', '0003'])
  })
})
