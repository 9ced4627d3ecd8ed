import assert from 'node:assert/strict'
import { before, describe, test, after } from 'node:test'
import { barriers, COLORS, overflow, picture, visitor, WINDOWS } from './browser.ts'
import { openSite, type Site } from './site.ts'

describe('each page that everybody may see', () => {
  let site: Site
  let invitation = ''
  let ends: (() => unknown)[] = []
  before(async () => {
    site = await openSite({ after: (end) => { ends.push(end as () => unknown) } })
    const said = await site.server.command(['invite', 'create'])
    invitation = /\/invite\/[A-Za-z0-9_-]+/.exec(said)?.[0] ?? assert.fail(said)
  })
  after(async () => {
    for (const end of ends) await end()
    ends = []
  })

  for (const [name, path] of [
    ['welcome', () => '/'], ['register', () => '/register'], ['invitation', () => invitation], ['rules', () => '/rules'],
    ['policy', () => '/policy'], ['sign-in', () => '/sign-in'], ['nothing-here', () => '/nothing'],
  ] as const) {
    for (const window of Object.keys(WINDOWS) as (keyof typeof WINDOWS)[]) {
      for (const colors of COLORS) {
        test(`${name} fits a ${window} in ${colors} colors, keeps nobody out, and asks nobody else for anything`, async () => {
          const context = await visitor(site.browser, window, colors)
          try {
            const page = await context.newPage()
            const asked: string[] = []
            const complaints: string[] = []
            page.on('request', (request) => { asked.push(request.url()) })
            page.on('console', (message) => { complaints.push(message.text()) })
            await page.goto(site.url + path())
            await picture(page, `${name}-${window}-${colors}`)
            assert.ok(await overflow(page) <= 0, 'nobody scrolls sideways')
            assert.deepEqual(await barriers(page), [])
            assert.deepEqual(asked.filter((url) => !url.startsWith(site.url) && !url.startsWith('data:')), [])
            assert.deepEqual(complaints.filter((text) => !/404/.test(text)), [], 'the browser found nothing wrong with it')
          } finally {
            await context.close()
          }
        })
      }
    }
  }
})
