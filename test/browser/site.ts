import type { TestContext } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { freePort, ServerProcess } from '../interop/server.ts'
import { openBrowser } from './browser.ts'

export const DOMAIN = 'capulet.lit'

/** Our server as an operator runs it, with pages for everybody by HTTPS, and a browser that finds it by its name. */
export interface Site {
  readonly server: ServerProcess
  readonly browser: Browser
  /** Of the pages, without a slash at the end. */
  readonly url: string
}

/** `open`: whoever answers a challenge may make an account. */
export async function openSite(context: Pick<TestContext, 'after'>, registration: 'open' | 'invite' | 'closed' = 'open'): Promise<Site> {
  const port = await freePort()
  const server = await ServerProcess.start({
    domain: DOMAIN, domainLines: [`registration = "${registration}"`],
    tables: `[[listeners]]\nkind = "https"\naddress = "127.0.0.1"\nport = ${port}\n[registration]\nchallenges_per_peer = 1000`,
  })
  const browser = await openBrowser({ here: DOMAIN })
  context.after(async () => {
    await browser.close()
    await server.stop()
  })
  return { server, browser, url: `https://${DOMAIN}:${port}` }
}

/** The text of the page's main part, as a reader has it. */
export async function mainText(page: Page): Promise<string> {
  return await page.locator('main').innerText()
}
