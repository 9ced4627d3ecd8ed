import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { Serving } from '../web/site.ts'
import { barriers, COLORS, openBrowser, overflow, picture, visitor, WINDOWS } from './browser.ts'

const PASSWORD = 'parting is such sweet sorrow'
const ANOTHER = 'a rose by any other name would smell'

describe('the pages of an account, without JavaScript', () => {
  let serving: Serving
  let browser: Browser
  let home = ''
  before(async () => {
    serving = await Serving.start(`
[[domains]]
name = "localhost"
registration = "invite"
[[listeners]]
kind = "https"
port = 0
[[listeners]]
kind = "c2s"
port = 0
`, Object.fromEntries(Object.keys(WINDOWS).flatMap((window) => COLORS.map((colors) => [`juliet-${window}-${colors}@localhost`, PASSWORD]))))
    home = `https://localhost:${serving.scenario.ports[0]}`
    browser = await openBrowser()
  })
  after(async () => {
    await browser.close()
    await serving.stop()
  })

  for (const window of Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]) {
    for (const colors of COLORS) {
      test(`sign in, see, download, change the password, delete: ${window}, ${colors}`, async () => {
        const name = `juliet-${window}-${colors}`
        const client = await (await serving.scenario.raw(1)).login('localhost', name, PASSWORD, 'balcony')
        const contacts = ['romeo@montague.lit', 'nurse@localhost'].map((jid) =>
          `<iq type='set' id='${jid}'><query xmlns='jabber:iq:roster'><item jid='${jid}'/></query></iq>`).join('')
        client.send(contacts)
        await client.expect(/<iq [^>]*id='nurse@localhost'/)
        const context = await visitor(browser, window, colors)
        const page = await context.newPage()
        const looked = async (what: string): Promise<void> => {
          await picture(page, `account-${what}-${window}-${colors}`)
          assert.deepEqual(await barriers(page), [], what)
          assert.ok(await overflow(page) <= 0, `${what} is wider than its window`)
        }
        await page.goto(`${home}/account`)
        await looked('sign-in')
        await signIn(page, name, 'not this one')
        assert.match(await page.getByRole('alert').innerText(), /No account here/)
        await looked('sign-in-refused')
        await signIn(page, name, PASSWORD)
        assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), name)
        await looked('overview')

        const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download all of it' }).click()])
        assert.equal(download.suggestedFilename(), `${name}.xml`)
        assert.match(readFileSync(await download.path(), 'utf8'), /<item jid='romeo@montague\.lit'/)

        await page.getByRole('link', { name: 'Change the password' }).click()
        await page.getByLabel('Password now').fill(PASSWORD)
        await page.getByLabel('New password', { exact: true }).fill('password123')
        await page.getByLabel('New password, once more').fill('password123')
        await page.getByRole('button', { name: 'Change it' }).click()
        await looked('password-refused')
        await page.getByLabel('Password now').fill(PASSWORD)
        await page.getByLabel('New password', { exact: true }).fill(ANOTHER)
        await page.getByLabel('New password, once more').fill(ANOTHER)
        await page.getByRole('button', { name: 'Change it' }).click()
        assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Changed')
        await looked('password-changed')
        assert.match(await client.rest(), /<not-authorized/)

        await page.getByRole('link', { name: 'To your account' }).click()
        await page.getByRole('button', { name: 'Sign out' }).click()
        await page.goto(`${home}/account`)
        await signIn(page, name, ANOTHER)
        await page.getByRole('link', { name: 'Delete the account' }).click()
        await looked('deletion')
        await page.getByLabel('The name of your account').fill(name)
        await page.getByLabel('Password').fill(ANOTHER)
        await page.getByRole('button', { name: 'Delete it for good' }).click()
        assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Your account is gone')
        await looked('gone')
        assert.deepEqual(await context.cookies(), [])
        await context.close()
      })
    }
  }
})

async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}
