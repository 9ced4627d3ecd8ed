import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ask, exchange, parsed, everything, reach, type Way } from './browser.ts'
import { Serving } from './site.ts'

describe('what the web server takes for a request', () => {
  let serving: Serving
  let onion: Way
  let https: Way
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "capulet.lit"
onion_service = true
registration = "open"
[[domains]]
name = "montague.lit"
[[listeners]]
kind = "https"
port = 0
`)
    onion = serving.onion(0, 'capulet.lit')
    https = serving.https('capulet.lit')
  })
  after(() => serving.stop())

  const form = (length: number | string, type = 'application/x-www-form-urlencoded', more = ''): string => (
    `POST /register HTTP/1.1\r\nHost: HOST\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${more}Connection: close\r\n\r\n`)
  const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: HOST\r\n${more}Connection: close\r\n\r\n`

  const CASES: readonly (readonly [title: string, request: string, status: number])[] = [
    ['a page', get('/'), 200],
    ['RFC 9110 §9.3.2: HEAD', 'HEAD / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', 200],
    ['a query, which no page has, is not looked at', get('/?utm=1&x=%00'), 200],
    ['RFC 9112 §3.2.2: the absolute form', get('http://HOST/'), 200],
    ['RFC 9112 §3.2.2: the absolute form says which site is meant, not Host', 'GET http://HOST/ HTTP/1.1\r\nHost: verona.lit\r\nConnection: close\r\n\r\n', 200],
    ['RFC 9112 §3.2.2: the absolute form of another site', get('http://verona.lit/'), 421],
    ['a path that is not there', get('/admin'), 404],
    ['a path upward', get('/../../etc/passwd'), 404],
    ['a path upward, escaped', get('/%2e%2e/%2e%2e/etc/passwd'), 404],
    ['a path with a backslash', get('/..\\..\\etc\\passwd'), 404],
    ['a path with two slashes', get('//rules'), 404],
    ['a path with an end of a string', get('/rules%00.html'), 404],
    ['a path within a page', get('/rules/../policy'), 404],
    ['a long path', get(`/${'a'.repeat(2000)}`), 414],
    ['RFC 9110 §9.1: any other method', 'DELETE / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', 405],
    ['OPTIONS', 'OPTIONS / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', 405],
    ['TRACE, which would give cookies back', 'TRACE / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n', 405],
    ['RFC 9112 §3.2: no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['RFC 9112 §3.2: two Hosts', get('/', 'Host: HOST\r\n'), 400],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: HOST@verona.lit\r\nConnection: close\r\n\r\n', 400],
    ['RFC 9110 §15.5.20: the Host of another', 'GET / HTTP/1.1\r\nHost: verona.lit\r\nConnection: close\r\n\r\n', 421],
    ['an address as Host', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n', 421],
    ['a GET with a body', get('/', 'Content-Length: 1\r\n'), 400],
    ['RFC 9112 §6.3: a length and chunks', form(0, undefined, 'Transfer-Encoding: chunked\r\n'), 400],
    ['two lengths', form(0, undefined, 'Content-Length: 5\r\n'), 400],
    ['a length that is none', form('+5'), 400],
    ['chunks', 'POST /register HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n', 411],
    ['chunks that are not the last coding', 'POST /register HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n', 400],
    ['a form without a length', 'POST /register HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n', 411],
    ['a form that is too long', form(16_385), 413],
    ['a form of another type', form(0, 'multipart/form-data; boundary=x'), 415],
    ['a form as text, which any site can have sent', form(0, 'text/plain'), 415],
    ['a form that is compressed', form(0, undefined, 'Content-Encoding: gzip\r\n'), 415],
    ['RFC 9110 §10.1.1: an expectation that nobody knows', get('/', 'Expect: nothing\r\n'), 417],
    ['a large header', get('/', `X: ${'x'.repeat(9000)}\r\n`), 431],
    ['a line that ends by a line feed alone in a header', 'GET / HTTP/1.1\nHost: HOST\n\n', 400],
    ['a folded header (RFC 9112 §5.2)', get('/', 'X: a\r\n b\r\n'), 400],
    ['a space before the colon (RFC 9112 §5.1)', get('/', 'X : a\r\n'), 400],
    ['HTTP/2, untold', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['what is no HTTP', "<?xml version='1.0'?><stream:stream to='HOST'>", 400],
    ['an upgrade to what is not there is a page like any other', get('/', 'Upgrade: websocket\r\n').replace('Connection: close', 'Connection: close, upgrade'), 200],
  ]
  for (const [title, request, status] of CASES) {
    test(`${title}: ${status}, by the onion and by TLS`, async () => {
      for (const way of [onion, https]) {
        const answer = await exchange(way, request.replaceAll('HOST', way.host))
        assert.equal(answer.status, status, answer.raw)
        if (status !== 200 && status !== 404) assert.equal(answer.body, '', 'nothing is said but the number')
      }
    })
  }

  test('RFC 9110 §9.3.2: HEAD is answered as GET without its content', async () => {
    const head = await exchange(onion, `HEAD /rules HTTP/1.1\r\nHost: ${onion.host}\r\nConnection: close\r\n\r\n`)
    const page = await ask(onion, '/rules')
    assert.equal(head.body, '')
    const { 'content-length': _, ...fields } = Object.fromEntries(page.headers) // RFC 9110 §8.6: it may be left out
    assert.deepEqual(Object.fromEntries(head.headers), fields)
  })

  test('a site answers to its own name alone: an onion not to the DNS name that it is linked to, nor the other way round', async () => {
    assert.equal((await ask({ ...onion, host: 'capulet.lit' }, '/')).status, 421)
    assert.equal((await ask({ ...https, host: onion.host }, '/')).status, 421)
    await assert.rejects(ask({ ...https, serverName: onion.host }, '/'))
  })

  test('RFC 9110 §7.4: what was asked for in TLS and in HTTP is one site', async () => {
    const other = serving.https('montague.lit')
    assert.equal((await ask(other, '/')).status, 200)
    assert.equal((await ask({ ...https, host: other.host }, '/')).status, 421)
  })

  test('any port may stand in Host, as ports are forwarded', async () => {
    for (const host of ['capulet.lit', 'CAPULET.lit', 'capulet.lit:443', 'capulet.lit.']) assert.equal((await ask({ ...https, host }, '/')).status, 200, host)
  })

  test('several requests go by one connection, and it is ended after a hundred', async () => {
    const socket = await reach(onion)
    const request = `GET /style.css HTTP/1.1\r\nHost: ${onion.host}\r\n\r\n`
    let answers = 0
    socket.on('data', (chunk: Buffer) => {
      const found = chunk.toString('latin1').split('HTTP/1.1 200 OK').length - 1
      answers += found
      if (found > 0) socket.write(request)
    })
    socket.write(request)
    await everything(socket)
    assert.equal(answers, 100)
  })

  test('who sends many requests before an answer is cut off', async () => {
    const socket = await reach(onion)
    socket.write(`GET / HTTP/1.1\r\nHost: ${onion.host}\r\n\r\n`.repeat(50))
    const { length } = (await everything(socket)).split('HTTP/1.1 ')
    assert.ok(length <= 6, `${length - 1} answers`)
  })

  test('what follows a refused request on the same connection is not read', async () => {
    const inner = `GET /rules HTTP/1.1\r\nHost: ${onion.host}\r\n\r\n`
    const socket = await reach(onion)
    socket.write(`POST /register HTTP/1.1\r\nHost: ${onion.host}\r\nContent-Type: text/plain\r\nContent-Length: ${inner.length}\r\n\r\n${inner}${inner}`)
    const text = await everything(socket)
    assert.equal(parsed(text).status, 415)
    assert.equal(text.split('HTTP/1.1 ').length - 1, 1)
  })
})
