import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ask, type Answer, type Way } from './browser.ts'
import { Serving } from './site.ts'

const PATHS = ['/', '/register', '/invite/AAAAAAAAAAAAAAAAAAAAAA', '/rules', '/policy', '/style.css', '/colors.css', '/nowhere', '/../']

describe('what every answer of the web server says besides its content', () => {
  let serving: Serving
  let onion: Way
  let https: Way
  let unlinked: Way
  const answers: { readonly path: string, readonly way: Way, readonly answer: Answer }[] = []
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
    unlinked = serving.https('montague.lit')
    for (const way of [onion, https, unlinked]) for (const path of PATHS) answers.push({ path, way, answer: await ask(way, path) })
  })
  after(() => serving.stop())

  test('nothing runs, nothing is loaded from elsewhere, nobody frames it, and no site is told where a visitor came from', () => {
    for (const { path, answer: { headers } } of answers) {
      assert.equal(headers.get('content-security-policy'),
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", path)
      assert.equal(headers.get('referrer-policy'), 'no-referrer', path)
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin', path)
      assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', path)
    }
  })

  test('no clock, no program and no state of a file is told, and no cookie set', () => {
    for (const { path, answer } of answers) {
      for (const name of ['date', 'server', 'x-powered-by', 'etag', 'last-modified', 'keep-alive', 'set-cookie', 'via']) {
        assert.ok(!answer.headers.has(name), `${path}: ${name}`)
      }
      const [head = '', body = ''] = answer.raw.split('\r\n\r\n')
      // Tokens and pictures are random letters, and may spell anything.
      assert.doesNotMatch(head + body.replace(/[A-Za-z0-9+/=_-]{40,}/g, ''), /node|hono/i, path)
    }
  })

  test('no page is kept by a browser or on the way; stylesheets are, for a while', () => {
    for (const { path, answer: { headers } } of answers) {
      assert.equal(headers.get('cache-control'), path.endsWith('.css') ? 'public, max-age=300' : 'no-store', path)
    }
  })

  test('over TLS the browser comes back by TLS alone (RFC 6797 §6.1); an onion, which has none, does not say so', () => {
    for (const { way, path, answer: { status, headers } } of answers) {
      if (path === '/../') assert.equal(status, 404)
      else assert.equal(headers.get('strict-transport-security'), way === onion ? undefined : 'max-age=31536000', path)
    }
  })

  test('Onion-Location leads to the same page of the onion where the two are linked, and nowhere else', () => {
    for (const { way, path, answer: { headers } } of answers) {
      const expected = way === https && path !== '/../' ? `http://${onion.host}${path}` : undefined
      assert.equal(headers.get('onion-location'), expected, path)
    }
  })

  test('a page has a language, one heading of the first order, landmarks, and a way past its navigation', () => {
    for (const { path, answer: { body, headers } } of answers) {
      if (path.endsWith('.css') || path === '/../') continue
      assert.equal(headers.get('content-type'), 'text/html; charset=UTF-8')
      assert.match(body, /<html lang="en">/)
      assert.equal([...body.matchAll(/<h1>/g)].length, 1, path)
      for (const mark of ['<header', '<nav aria-label=', '<main id="main">', '<footer', 'href="#main"', '<meta name="viewport"', '<title>']) {
        assert.ok(body.includes(mark), `${path}: ${mark}`)
      }
    }
  })

  test('no page has a script, a style of its own, or anything from elsewhere', () => {
    for (const { path, answer: { body } } of answers) {
      assert.doesNotMatch(body, /<script|<style|<iframe|<object|<embed| on\w+=| style=|javascript:/i, path)
      for (const [, url = ''] of body.matchAll(/ (?:src|href|action)="([^"]*)"/g)) {
        assert.match(url, /^(\/(?!\/)|#|data:|xmpp:)/, path)
      }
    }
  })

  test('every field has a label, and every identifier stands once', () => {
    for (const { path, answer: { body } } of answers) {
      const ids = [...body.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
      assert.deepEqual(ids, [...new Set(ids)], path)
      for (const [tag] of body.matchAll(/<input\b[^>]*>/g)) {
        if (tag.includes('type="hidden"')) continue
        assert.ok(body.includes(`<label for="${/ id="([^"]*)"/.exec(tag)?.[1] ?? 'none'}">`), tag)
        for (const id of (/ aria-describedby="([^"]*)"/.exec(tag)?.[1] ?? '').split(' ')) assert.ok(id === '' || ids.includes(id), id)
      }
    }
  })
})
