import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { answerTo } from '../clients/applicant.ts'
import { barriers, COLORS, overflow, picture, visitor, WINDOWS } from './browser.ts'
import { DOMAIN, mainText, openSite, type Site } from './site.ts'

const PASSWORD = 'violet mountain seldom borrows'
const ANOTHER = 'copper lantern rarely whispers'

describe('an account on the pages, from its first day to its last', () => {
  let site: Site
  let ends: (() => unknown)[] = []
  before(async () => { site = await openSite({ after: (end) => { ends.push(end as () => unknown) } }) })
  after(async () => {
    for (const end of ends) await end()
    ends = []
  })

  for (const window of Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]) {
    for (const colors of COLORS) {
      test(`on a ${window}, in ${colors} colors`, async () => {
        const context = await visitor(site.browser, window, colors)
        const page = await context.newPage()
        const name = `juliet-${window}-${colors}`
        const look = async (step: string): Promise<string> => {
          await picture(page, `${step}-${window}-${colors}`)
          assert.ok(await overflow(page) <= 0, `${step}: nobody scrolls sideways`)
          assert.deepEqual(await barriers(page), [], step)
          return await mainText(page)
        }
        const click = (button: string): Promise<void> => page.getByRole('button', { name: button, exact: true }).click()

        await page.goto(`${site.url}/register`)
        await apply(page, name, 'password1')
        await click('Make the account')
        assert.match(await look('register-refused'), /too easy to guess/)
        assert.equal(await page.getByLabel('Name').inputValue(), name, 'what was right stays')
        await apply(page, name, PASSWORD)
        await click('Make the account')
        assert.ok((await look('registered')).includes(`${name}@${DOMAIN}`))

        await page.goto(`${site.url}/sign-in`)
        await signIn(page, name, 'not this one')
        await click('Sign in')
        assert.match(await look('sign-in-refused'), /No account here has this name and this password/)
        await signIn(page, name, PASSWORD)
        await click('Sign in')
        assert.match(await look('account'), /What is kept of you/)
        const [cookie, ...others] = await context.cookies()
        assert.deepEqual([cookie?.httpOnly, cookie?.secure, cookie?.sameSite, others.length], [true, true, 'Strict', 0])

        const downloading = page.waitForEvent('download')
        await click('Download all of it')
        const file = await (await downloading).path()
        const held = readFileSync(file, 'utf8')
        assert.match(held, /<server-data xmlns='urn:xmpp:pie:0'>/)
        assert.ok(held.includes(name))

        await page.getByRole('link', { name: 'Change the password' }).click()
        await look('password')
        await change(page, 'not this one', ANOTHER)
        await page.locator('main form button[type=submit]').last().click()
        assert.match(await look('password-refused'), /This is not your password/)
        await change(page, PASSWORD, ANOTHER)
        await page.locator('main form button[type=submit]').last().click()
        assert.match(await look('password-changed'), /the new password counts/)

        await page.goto(`${site.url}/account`)
        await page.getByRole('link', { name: 'Delete the account' }).click()
        await look('delete')
        await page.locator('#name').fill(name)
        await page.locator('#password').fill(PASSWORD)
        await page.locator('main form button[type=submit]').last().click()
        assert.match(await look('delete-refused'), /This is not your password/)
        await page.locator('#name').fill(name)
        await page.locator('#password').fill(ANOTHER)
        await page.locator('main form button[type=submit]').last().click()
        assert.match(await look('deleted'), /Your account is gone/)

        await page.goto(`${site.url}/sign-in`)
        await signIn(page, name, ANOTHER)
        await click('Sign in')
        assert.match(await mainText(page), /No account here has this name and this password/)
        assert.doesNotMatch(await site.server.command(['account', 'list']), new RegExp(name))
        await context.close()
      })
    }
  }

  test('an invitation is redeemed once', async () => {
    const said = await site.server.command(['invite', 'create'])
    const path = /\/invite\/[A-Za-z0-9_-]+/.exec(said)?.[0] ?? assert.fail(said)
    const context = await visitor(site.browser)
    const page = await context.newPage()
    await page.goto(site.url + path)
    await page.locator('#name').fill('nurse')
    await page.locator('#password').fill(PASSWORD)
    await page.locator('#again').fill(PASSWORD)
    await page.getByRole('button', { name: 'Make the account' }).click()
    assert.ok((await mainText(page)).includes(`nurse@${DOMAIN}`))
    await page.goto(site.url + path)
    await picture(page, 'invitation-used-desktop-light')
    assert.match(await mainText(page), /not good any more/)
    await context.close()
  })
})

async function apply(page: Page, name: string, password: string): Promise<void> {
  let answer = answerTo(await page.locator('#question').innerText())
  while (answer === undefined) {
    await page.goto(page.url())
    answer = answerTo(await page.locator('#question').innerText())
  }
  await page.locator('#name').fill(name)
  await page.locator('#password').fill(password)
  await page.locator('#again').fill(password)
  await page.locator('#answer').fill(answer)
}

async function signIn(page: Page, name: string, password: string): Promise<void> {
  await page.locator('#name').fill(name)
  await page.locator('#password').fill(password)
}

async function change(page: Page, old: string, password: string): Promise<void> {
  await page.locator('#old').fill(old)
  await page.locator('#password').fill(password)
  await page.locator('#again').fill(password)
}
