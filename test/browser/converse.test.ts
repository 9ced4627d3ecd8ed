import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { WebSocketClient } from '../clients/web-socket.ts'
import { REFUSAL } from '../interop/chat-client.ts'
import { freePort, ServerProcess } from '../interop/server.ts'
import { reach } from '../web/browser.ts'
import { openBrowser, picture } from './browser.ts'

const DOMAIN = 'capulet.lit'
const PASSWORD = 'at thy word'
const CONVERSE = fileURLToPath(new URL('../../../node_modules/converse.js/dist', import.meta.url))
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.wasm': 'application/wasm' }

describe('converse.js, on a page of its own, in Chromium', () => {
  let pages: Server
  let origin = ''
  let server: ServerProcess
  let browser: Browser
  let context: BrowserContext
  let nurse: WebSocketClient
  let port = 0

  before(async () => {
    port = await freePort()
    pages = createServer((request, response) => { void serve(request.url ?? '/').then(({ type, content }) => response.writeHead(200, { 'Content-Type': type }).end(content), () => response.writeHead(404).end()) })
    await once(pages.listen(0, '127.0.0.1'), 'listening')
    origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}` // it listens on TCP
    server = await ServerProcess.start({
      domain: DOMAIN, domainLines: [`origins = ["${origin}"]`], tables: `[[listeners]]\nkind = "https"\naddress = "127.0.0.1"\nport = ${port}`,
    })
    for (const name of ['juliet', 'nurse']) await server.addAccount(`${name}@${DOMAIN}`, PASSWORD)
    nurse = await login('nurse')
    await acquaint(await login('juliet'), nurse)
    browser = await openBrowser({ here: DOMAIN })
    context = await browser.newContext({ ignoreHTTPSErrors: true, locale: 'en-US', viewport: { width: 1280, height: 900 } })
    // Its page shows pictures of its sponsors, which it would fetch from elsewhere.
    await context.route((url) => !['127.0.0.1', 'localhost', DOMAIN].includes(url.hostname), (route) => route.abort())
  })

  after(async () => {
    nurse?.destroy()
    await browser?.close()
    await server?.stop()
    pages?.close()
  })

  test('logs in by WebSocket, shows the roster and who is there, and says why a plain message was refused', async () => {
    const page = await context.newPage()
    await page.goto(`${origin}/`)
    const contact = page.locator('converse-roster').getByText('Angelica')
    await contact.waitFor()
    await page.locator('converse-roster').getByTitle('This contact is away').waitFor()
    await contact.click()
    const box = page.locator('textarea.chat-textarea')
    await box.fill('But soft, what light')
    await box.press('Enter')
    await page.getByText(REFUSAL.text).waitFor()
    await picture(page, 'converse-refused')
    assert.ok(!nurse.heard.some((message) => message.includes('But soft')))
    await page.close()
  })

  test('XEP-0156 §3: a page of another origin reads where to connect', async () => {
    const page = await bare(origin)
    const found = await page.evaluate<string>(`fetch('https://${DOMAIN}:${port}/.well-known/host-meta.json').then((answer) => answer.text())`)
    assert.deepEqual(JSON.parse(found), { links: [{ rel: 'urn:xmpp:alt-connections:websocket', href: `wss://${DOMAIN}:${port}/xmpp-websocket` }] })
    await page.close()
  })

  test('RFC 6455 §10.2: a page whose origin nobody allowed cannot connect, and learns nothing', async () => {
    const foreign = await bare(origin.replace('127.0.0.1', 'localhost'))
    const allowed = await bare(origin)
    const attempt = `new Promise((resolve) => {
      const socket = new WebSocket('wss://${DOMAIN}:${port}/xmpp-websocket', ['xmpp'])
      socket.onopen = () => resolve('open')
      socket.onclose = ({ code }) => resolve(code)
    })`
    assert.equal(await foreign.evaluate(attempt), 1006)
    assert.equal(await allowed.evaluate(attempt), 'open')
    await foreign.close()
    await allowed.close()
  })

  /** A page of that origin without anything on it. */
  async function bare(of: string): Promise<Page> {
    const page = await context.newPage()
    await page.goto(`${of}/bare`)
    return page
  }

  async function login(name: string): Promise<WebSocketClient> {
    const socket = await reach({ address: { host: '127.0.0.1', port }, host: DOMAIN, serverName: DOMAIN })
    return (await WebSocketClient.open(socket, `${DOMAIN}:${port}`)).login(DOMAIN, name, PASSWORD, 'test')
  }

  /** What the page and its parts are; never what is not under the library's own folder. */
  async function serve(url: string): Promise<{ readonly type: string, readonly content: string | Buffer }> {
    const path = normalize(decodeURIComponent(url.split('?', 1)[0] ?? '/'))
    if (path === '/bare') return { type: 'text/html', content: '<!doctype html>' }
    if (path === '/') return { type: 'text/html; charset=utf-8', content: page(port) }
    return { type: TYPES[extname(path)] ?? 'application/octet-stream', content: await readFile(join(CONVERSE, path)) }
  }
})

/** They see each other from now on; the first one leaves. */
async function acquaint(juliet: WebSocketClient, nurse: WebSocketClient): Promise<void> {
  const presence = (to: string, type: string): string => `<presence xmlns='jabber:client' to='${to}@${DOMAIN}' type='${type}'/>`
  for (const client of [juliet, nurse]) client.send(`<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>`)
  juliet.send(`<presence xmlns='jabber:client'/>`)
  nurse.send(`<presence xmlns='jabber:client'><show>away</show></presence>`)
  juliet.send(`<iq xmlns='jabber:client' type='set' id='s'><query xmlns='jabber:iq:roster'><item jid='nurse@${DOMAIN}' name='Angelica'/></query></iq>`)
  juliet.send(presence('nurse', 'subscribe'))
  await nurse.expect(/<presence [^>]*type='subscribe'/)
  nurse.send(presence('juliet', 'subscribed')).send(presence('juliet', 'subscribe'))
  await juliet.expect(/<presence [^>]*type='subscribe'/)
  juliet.send(presence('nurse', 'subscribed'))
  await juliet.expect(/subscription='both'/)
  juliet.send(`<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>`)
  await juliet.rest()
}

function page(port: number): string {
  const settings = {
    websocket_url: `wss://${DOMAIN}:${port}/xmpp-websocket`, discover_connection_methods: false, assets_path: '/',
    authentication: 'login', auto_login: true, jid: `juliet@${DOMAIN}`, password: PASSWORD, view_mode: 'fullscreen', show_background: false,
  }
  return `<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="/converse.min.css"><script type="module" src="/converse.min.js"></script></head>
<body class="converse-fullscreen"><converse-root></converse-root><script type="module">converse.initialize(${JSON.stringify(settings)})</script></body></html>`
}
