import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { configSchema } from '../../src/config/schema.ts'
import { Scenario } from '../scenario/scenario.ts'

function get(socketPath: string, path: string, method = 'GET'): Promise<{ readonly status: number | undefined, readonly text: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, method }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => resolve({ status: response.statusCode, text }))
    }).on('error', reject).end()
  })
}

test('metrics.listen: numbers of nobody in particular, for this user alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-metrics-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'metrics.sock')
  const scenario = await Scenario.start(`[[domains]]
name = "capulet.lit"
[tor]
enabled = false
[[listeners]]
kind = "c2s"
port = 0
[metrics]
listen = "${path}"
`, { 'juliet@capulet.lit': 'wherefore art thou' })
  t.after(() => scenario.stop())
  const client = await (await scenario.raw()).login('capulet.lit', 'juliet', 'wherefore art thou', 'balcony')
  t.after(() => client.destroy())
  assert.equal(statSync(path).mode & 0o077, 0)
  const { status, text } = await get(path, '/metrics')
  assert.equal(status, 200)
  for (const line of ['sotto_sessions 1', 'sotto_client_streams_clearnet 1', 'sotto_client_streams_onion 0', 'sotto_tor_ready 0']) assert.match(text, new RegExp(`^${line}$`, 'm'))
  assert.match(text, /^sotto_process_resident_memory_bytes \d+$/m)
  for (const name of ['juliet', 'capulet', 'balcony', '127.0.0.1']) assert.ok(!text.includes(name), name)
  assert.deepEqual([(await get(path, '/')).status, (await get(path, '/metrics', 'POST')).status], [404, 404])
})

test('metrics.listen: a port that others could reach is refused', () => {
  for (const listen of ['0.0.0.0:9150', '9150', '192.0.2.1:9150', '127.0.0.1:99999', 'localhost:9150']) {
    assert.equal(configSchema.safeParse({ metrics: { listen } }).success, false, listen)
  }
  assert.deepEqual(configSchema.parse({ metrics: { listen: '127.0.0.1:9150' } }).metrics.listen, { host: '127.0.0.1', port: 9150 })
})
