import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { answerTo } from '../clients/applicant.ts'
import { ClientTor } from '../clients/client-tor.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { ServerProcess } from '../interop/server.ts'
import { joinNetwork, type JoinedNetwork } from '../tornet/joined.ts'
import { openBrowser, picture, visitor } from './browser.ts'

const PASSWORD = 'violet mountain seldom borrows'

describe('the pages of an onion, through Tor', () => {
  let network: JoinedNetwork
  let server: ServerProcess
  let tor: ClientTor
  let browser: Browser
  let onion = ''
  before(async () => {
    network = await joinNetwork(process.env['SOTTO_TORNET'], () => {})
    server = await ServerProcess.start({ clientTorrc: network.clientTorrc, domainLines: ['registration = "open"'] })
    tor = await ClientTor.start(network.clientTorrc)
    onion = await server.onionAddress()
    browser = await openBrowser({ socksPort: tor.socksPort })
  })
  after(async () => {
    await browser?.close()
    await tor?.stop()
    await server?.stop()
    await network?.leave()
  })

  test('an account that was made on the page logs in through the onion', async () => {
    const context = await visitor(browser, 'phone')
    const page = await context.newPage()
    await page.goto(`http://${onion}/`)
    await picture(page, 'onion-phone-light')
    assert.ok((await page.locator('main').innerText()).includes(onion))
    await page.getByRole('link', { name: 'Get an account' }).first().click()
    for (;;) {
      const answer = answerTo(await page.locator('#question').innerText())
      if (answer === undefined) {
        await page.reload()
        continue
      }
      await page.getByLabel('Name').fill('juliet')
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
      await page.getByLabel('Password, once more').fill(PASSWORD)
      await page.getByLabel('Your answer').fill(answer)
      break
    }
    await page.getByRole('button', { name: 'Make the account' }).click()
    await picture(page, 'onion-made-phone-light')
    assert.ok((await page.locator('main').innerText()).includes(`juliet@${onion}`))
    await context.close()

    const route = { host: onion, port: 5222, socks: { host: '127.0.0.1', port: tor.socksPort } }
    const client = await XmppClient.login({ route, jid: `juliet@${onion}`, password: PASSWORD })
    assert.ok(client.jid.startsWith(`juliet@${onion}/`))
    await client.leave()
  })
})
