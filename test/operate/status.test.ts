import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusOutput } from '../../src/operate/server-status.ts'
import { statusLines } from '../../src/operate/status.ts'
import { controlPath } from '../../src/operate/control-protocol.ts'
import { ControlClient } from '../../src/operate/control-client.ts'
import { loadConfig } from '../../src/config/load.ts'
import { join } from 'node:path'
import { Scenario } from '../scenario/scenario.ts'

const STATUS: StatusOutput = {
  uptime: 3 * 3_600_000, memory: 99 * 1024 * 1024, sessions: 3, clients: { onion: 2, clearnet: 1, refused: 0 },
  servers: { incoming: 4, outgoing: 5, refused: 0 }, tor: { state: 'ready', version: '0.4.9.11', percent: undefined },
  onions: [{ label: 'onion', address: 'x.onion', published: true }], backup: undefined,
}

test('sotto status: numbers in words, and what is missing is said', () => {
  const text = statusLines(STATUS, 0).join('\n')
  for (const words of ['Running for 3 h, with 99 MB', 'Tor: ready, version 0.4.9.11', 'x.onion (can be reached)', '3 sessions; streams by onion 2, by the clearnet 1', '4 streams to us', 'none are made', 'none was hit']) {
    assert.ok(text.includes(words), words)
  }
  const receipt = { name: 'x', made: 0, bytes: 1, sha256: '', proof: 'restored', rows: {} } as const
  assert.match(statusLines({ ...STATUS, backup: { last: receipt }, clients: { ...STATUS.clients, refused: 7 } }, 30 * 60_000).join('\n'),
    /the last 30 min ago, proven by restoring it\nLimits: 7 streams of clients and 0 of servers found no place/)
})

test('sotto status: a running server counts its clients by the way they came, and names nobody', async (t) => {
  const toml = '[[domains]]\nname = "capulet.lit"\n[tor]\nenabled = false\n[[listeners]]\nkind = "c2s"\nport = 0\n'
  const scenario = await Scenario.start(toml, { 'juliet@capulet.lit': 'wherefore art thou' })
  t.after(() => scenario.stop())
  const client = await (await scenario.raw()).login('capulet.lit', 'juliet', 'wherefore art thou', 'balcony')
  const operator = await ControlClient.connect(controlPath(loadConfig(join(scenario.folder, 'sotto.toml'), { cwd: scenario.folder })))
  assert.ok(operator)
  const status = await operator.run('status', {}) as StatusOutput
  assert.deepEqual([status.sessions, status.clients, status.servers], [1, { onion: 0, clearnet: 1, refused: 0 }, { incoming: 0, outgoing: 0, refused: 0 }])
  assert.ok(!JSON.stringify(status).includes('juliet'))
  await operator.close()
  client.destroy()
})
