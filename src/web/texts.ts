import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import MarkdownIt from 'markdown-it'
import type { Log } from '../log.ts'
import type { ServedDomain } from '../routing/domains.ts'
import { trusted, type Markup } from './markup.ts'

/** What an operator may write: two texts in Markdown, and the colors in CSS. */
export type TextName = 'about.md' | 'rules.md' | 'colors.css'

const LONGEST_TEXT = 65_536

interface Read {
  readonly stamp: string
  readonly text: string | undefined
}

/**
 * The operator's own texts, in one folder for each domain, by its name: what two domains have in common would tell that
 * they are one server's. Each is read when it is asked for, and again where it changed.
 */
export class Texts {
  readonly #folder: string
  readonly #log: Log
  /** By path; as many as there are domains and names. */
  readonly #read = new Map<string, Read>()
  readonly #markdown: MarkdownIt

  /** '' is no folder. */
  constructor(folder: string, log: Log) {
    this.#folder = folder
    this.#log = log
    this.#markdown = markdown()
  }

  /** As HTML; undefined where there is none. */
  page(domain: ServedDomain, name: 'about.md' | 'rules.md'): Markup | undefined {
    const text = this.#text(domain, name)
    return text === undefined ? undefined : trusted(this.#markdown.render(text))
  }

  colors(domain: ServedDomain): string {
    return this.#text(domain, 'colors.css') ?? ''
  }

  #text({ label }: ServedDomain, name: TextName): string | undefined {
    if (this.#folder === '') return undefined
    const path = join(this.#folder, label, name)
    const stamp = stampOf(path)
    const known = this.#read.get(path)
    if (known?.stamp === stamp) return known.text
    const text = stamp === 'absent' ? undefined : this.#load(path)
    this.#read.set(path, { stamp, text })
    return text
  }

  #load(file: string): string | undefined {
    try {
      const bytes = readFileSync(file)
      if (bytes.length <= LONGEST_TEXT) return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      this.#log.error('web.text-refused', { file, condition: 'too-long' })
    } catch (error) {
      this.#log.error('web.text-refused', { file }, error)
    }
    return undefined
  }
}

/**
 * What Markdown may do: structure, emphasis, links. No HTML, which is shown as it was typed; no pictures, which browsers
 * would fetch from elsewhere. The highest heading of a text stands right below that of its page.
 */
function markdown(): MarkdownIt {
  const made = new MarkdownIt('zero', { html: false, typographer: false })
  made.enable(['heading', 'lheading', 'list', 'blockquote', 'hr', 'code', 'fence', 'emphasis', 'backticks', 'link', 'autolink', 'newline', 'escape', 'entity'])
  made.core.ruler.push('lower-headings', ({ tokens }) => {
    const levels = new Map(tokens.flatMap((token) => /^h[1-6]$/.test(token.tag) ? [[token, Number(token.tag[1])] as const] : []))
    const highest = Math.min(...levels.values())
    for (const [token, level] of levels) token.tag = `h${Math.min(6, level - highest + 2)}`
  })
  return made
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, ctimeMs, ino, size } = statSync(path)
    return `${mtimeMs} ${ctimeMs} ${ino} ${size}`
  } catch {
    return 'absent'
  }
}
