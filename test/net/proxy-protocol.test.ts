import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MalformedProxyLine, ProxyLine } from '../../src/net/proxy-protocol.ts'

/** As tor 0.4.9 wrote it. */
const LINE = 'PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31 5269\r\n'

/** Feeds the text in chunks that end at `cuts`. */
function read(text: string, cuts: readonly number[] = []) {
  const line = new ProxyLine()
  const bytes = Buffer.from(text, 'latin1')
  const ends = [...cuts, bytes.length]
  for (const [index, end] of ends.entries()) {
    const result = line.push(bytes.subarray(ends[index - 1] ?? 0, end))
    if (result !== undefined) return { ...result, rest: result.rest.toString('latin1') + bytes.toString('latin1', end) }
  }
  return undefined
}

test('the circuit comes from the address, the virtual port from the last field', () => {
  assert.deepEqual(read(LINE), { circuit: '31', port: 5269, rest: '' })
  assert.deepEqual(read('PROXY TCP6 fc00:dead:beef:4dad::12:abcd ::1 43981 5222\r\n'), { circuit: String(0x12abcd), port: 5222, rest: '' })
  assert.deepEqual(read('PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 65535\r\n'), { circuit: '4294967295', port: 65_535, rest: '' })
})

test('a line that is cut anywhere is the same line, and what follows it is the peer\'s', () => {
  const text = `${LINE}<stream:stream>\r\n`
  for (let first = 0; first <= text.length; first += 1) {
    assert.deepEqual(read(text, [first]), { circuit: '31', port: 5269, rest: '<stream:stream>\r\n' }, `cut at ${first}`)
  }
  assert.deepEqual(read(text, Array.from(text, (_, index) => index)), { circuit: '31', port: 5269, rest: '<stream:stream>\r\n' })
})

test('a line without its end is waited for', () => {
  assert.equal(read(LINE.slice(0, -1)), undefined)
  assert.equal(read(''), undefined)
})

for (const [why, text] of [
  ['no PROXY line', '<stream:stream xmlns="jabber:client">\r\n'],
  ['of another proxy', 'PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n'],
  ['of an unknown connection', 'PROXY UNKNOWN\r\n'],
  ['of another prefix', 'PROXY TCP6 fc00:dead:beef:4dae::0:1f ::1 31 5269\r\n'],
  ['whose source port is not the circuit\'s lower half', 'PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 32 5269\r\n'],
  ['with a port beyond 65535', 'PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31 65536\r\n'],
  ['with port 0', 'PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31 0\r\n'],
  ['with a field too many', 'PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31 5269 1\r\n'],
  ['with a field too few', 'PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31\r\n'],
  ['with two blanks', 'PROXY  TCP6 fc00:dead:beef:4dad::0:1f ::1 31 5269\r\n'],
  ['in lower case', LINE.toLowerCase()],
  ['with a bare line feed', LINE.replace('\r', '')],
  ['of version 2', '\r\n\r\n\0\r\nQUIT\n'],
] as const) {
  test(`a first line ${why} is refused`, () => {
    assert.throws(() => read(text + 'x'.repeat(107)), MalformedProxyLine)
    assert.throws(() => read(text + 'x'.repeat(107), Array.from(text, (_, index) => index)), MalformedProxyLine)
  })
}

test('PROXY protocol §2.1: after 107 bytes nobody waits any longer, before that somebody does', () => {
  assert.equal(new ProxyLine().push(Buffer.alloc(106, 'P')), undefined)
  assert.throws(() => new ProxyLine().push(Buffer.alloc(107, 'P')), MalformedProxyLine)
  assert.throws(() => new ProxyLine().push(Buffer.from(`${'P'.repeat(106)}\r\n`)), MalformedProxyLine)
})
