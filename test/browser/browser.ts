import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

/** Where pictures of pages are left to be looked at. */
const PICTURES = fileURLToPath(new URL('../../../test-results/pages', import.meta.url))

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The windows in which each page must be pleasant. */
export const WINDOWS = {
  phone: { width: 390, height: 844 },
  desktop: { width: 1280, height: 900 },
} as const
export const COLORS = ['light', 'dark'] as const

export interface BrowserOptions {
  /** The SOCKS port of a tor: the browser then asks no resolver of names, so onions can be visited. */
  readonly socksPort?: number
  /** A name that is this machine. */
  readonly here?: string
}

/** Debian's Chromium without a screen. */
export async function openBrowser({ socksPort, here }: BrowserOptions = {}): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', // root, without a screen, in a container
      ...here === undefined ? [] : [`--host-resolver-rules=MAP ${here} 127.0.0.1`],
    ],
    ...(socksPort === undefined ? {} : { proxy: { server: `socks5://127.0.0.1:${socksPort}` } }),
  })
}

/** A visitor with a window of that size and taste, whose browser runs no script of any page. */
export function visitor(browser: Browser, window: keyof typeof WINDOWS = 'desktop', colors: typeof COLORS[number] = 'light'): Promise<BrowserContext> {
  return browser.newContext({
    javaScriptEnabled: false, viewport: WINDOWS[window], colorScheme: colors, deviceScaleFactor: window === 'phone' ? 2 : 1,
    isMobile: window === 'phone', ignoreHTTPSErrors: true, locale: 'en-US', acceptDownloads: true,
  })
}

/**
 * What is wrong with the page for those who see, hear or move otherwise, from "serious" on, in a line each. Who looks is a
 * script, so the page is shown as it is to a browser that runs some; its own policy would refuse it, too.
 */
export async function barriers(page: Page): Promise<readonly string[]> {
  const { width, height } = page.viewportSize() ?? WINDOWS.desktop
  const isDark = await page.evaluate<boolean>('matchMedia("(prefers-color-scheme: dark)").matches')
  const context = await page.context().browser()?.newContext({
    bypassCSP: true, viewport: { width, height }, colorScheme: isDark ? 'dark' : 'light', ignoreHTTPSErrors: true,
  })
  if (context === undefined) throw new Error('the page has no browser')
  try {
    const copy = await context.newPage()
    const text = await page.content()
    await copy.route(page.url(), (route) => route.fulfill({ contentType: 'text/html; charset=utf-8', body: text }))
    await copy.goto(page.url())
    await copy.evaluate(AXE)
    const { violations } = await copy.evaluate<AxeResults>('axe.run(document)')
    return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ').slice(0, 300)}`)
  } finally {
    await context.close()
  }
}

/** Leaves a picture of the whole page for people to look at. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(PICTURES, { recursive: true })
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true })
}

/** How much wider than its window the page is: nobody should scroll sideways to read. */
export async function overflow(page: Page): Promise<number> {
  return await page.evaluate<number>('document.documentElement.scrollWidth') - (page.viewportSize()?.width ?? 0)
}
