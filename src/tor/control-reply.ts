import { ControlClosed } from './tor-error.ts'

/** A whole reply of tor, or an event (code 650). Syntax: control-spec, "Replies from Tor to the controller". */
export interface Reply {
  /** That of the last line. */
  readonly code: number
  readonly lines: readonly ReplyLine[]
}

export interface ReplyLine {
  /** What follows the code and the separator. */
  readonly text: string
  /** The data block that follows a "+" line, lines joined by \n. */
  readonly data: string | undefined
}

/** What we ask fits in far less; tor is trusted, its memory and ours are not endless. */
const LONGEST_LINE = 64 * 1024
const LARGEST_REPLY = 4 * 1024 * 1024

/** Cuts tor's bytes into replies, wherever the chunks end. */
export class ReplySplitter {
  #held: Buffer = Buffer.alloc(0)
  #lines: ReplyLine[] = []
  /** Of the data block we are in. */
  #block: string[] | undefined
  #size = 0

  /** The replies that this chunk completes. @throws ControlClosed where the bytes are no replies; the splitter is of no use then */
  push(chunk: Buffer): Reply[] {
    const replies: Reply[] = []
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    let start = 0
    for (let end = bytes.indexOf('\r\n'); end !== -1; end = bytes.indexOf('\r\n', start)) {
      const reply = this.#line(bytes.toString('utf8', start, end))
      if (reply !== undefined) replies.push(reply)
      start = end + 2
    }
    this.#held = bytes.subarray(start)
    if (this.#held.length > LONGEST_LINE) throw new ControlClosed('tor sent an endless line')
    return replies
  }

  #line(line: string): Reply | undefined {
    this.#size += line.length
    if (this.#size > LARGEST_REPLY) throw new ControlClosed('tor sent an endless reply')
    if (this.#block !== undefined) {
      if (line === '.') this.#endBlock(this.#block)
      else this.#block.push(line.startsWith('.') ? line.slice(1) : line)
      return undefined
    }
    const [, digits, separator, text = ''] = /^([2-6]\d\d)([-+ ])(.*)$/s.exec(line) ?? []
    if (digits === undefined) throw new ControlClosed('tor sent a line that is no reply')
    this.#lines.push({ text, data: undefined })
    if (separator === '+') this.#block = []
    if (separator !== ' ') return undefined
    const reply = { code: Number(digits), lines: this.#lines }
    this.#lines = []
    this.#size = 0
    return reply
  }

  #endBlock(block: string[]): void {
    const last = this.#lines.pop()
    this.#lines.push({ text: last?.text ?? '', data: block.join('\n') })
    this.#block = undefined
  }
}

/** GETINFO and GETCONF: values by keyword; a value keeps its "=" and its lines. */
export function parseValues(reply: Reply): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  for (const { text, data } of reply.lines) {
    const cut = text.indexOf('=')
    if (cut !== -1) values.set(text.slice(0, cut), data ?? text.slice(cut + 1))
  }
  return values
}

export interface ProtocolInfo {
  readonly methods: readonly string[]
  readonly cookieFile: string | undefined
}

export function parseProtocolInfo(reply: Reply): ProtocolInfo {
  const line = reply.lines.find(({ text }) => text.startsWith('AUTH '))?.text ?? ''
  const { named } = parseArguments(line)
  return { methods: named.get('METHODS')?.split(',') ?? [], cookieFile: named.get('COOKIEFILE') }
}

export function parseAuthChallenge(reply: Reply): { readonly serverHash: Buffer, readonly serverNonce: Buffer } {
  const { named } = parseArguments(reply.lines[0]?.text ?? '')
  return { serverHash: Buffer.from(named.get('SERVERHASH') ?? '', 'hex'), serverNonce: Buffer.from(named.get('SERVERNONCE') ?? '', 'hex') }
}

/** How far tor has come on its way into the network. */
export interface Bootstrap {
  readonly event: 'bootstrap'
  readonly percent: number
  /** Tor's words for a person. */
  readonly summary: string
}

export type ControlEvent =
  | Bootstrap
  /** What became of an onion service's descriptor; tor names the address without ".onion". */
  | { readonly event: 'descriptor', readonly action: string, readonly address: string, readonly reason: string | undefined }
  /** Tor has read its torrc again, and forgotten what was set by SETCONF. */
  | { readonly event: 'reloaded' }

/** The events we subscribe to; undefined for all others, and for what we cannot read. */
export function parseEvent(reply: Reply): ControlEvent | undefined {
  const { words: [name, ...words], named } = parseArguments(reply.lines[0]?.text ?? '')
  if (name === 'STATUS_CLIENT') return bootstrap(words, named)
  if (name === 'SIGNAL') return words[0] === 'RELOAD' ? { event: 'reloaded' } : undefined
  if (name !== 'HS_DESC' || words[0] === undefined || words[1] === undefined) return undefined
  return { event: 'descriptor', action: words[0], address: `${words[1]}.onion`, reason: named.get('REASON') }
}

/** GETINFO status/bootstrap-phase: the same as the event, without its name. */
export function parseBootstrap(phase: string): Bootstrap | undefined {
  const { words, named } = parseArguments(phase)
  return bootstrap(words, named)
}

function bootstrap(words: readonly string[], named: ReadonlyMap<string, string>): Bootstrap | undefined {
  const percent = Number(named.get('PROGRESS') ?? Number.NaN)
  if (words[1] !== 'BOOTSTRAP' || !Number.isInteger(percent)) return undefined
  return { event: 'bootstrap', percent, summary: named.get('SUMMARY') ?? '' }
}

/**
 * Words and KEY=value arguments, where a value may be a QuotedString. Reading stops where the text does not follow
 * that form.
 */
export function parseArguments(text: string): { readonly words: readonly string[], readonly named: ReadonlyMap<string, string> } {
  const words: string[] = []
  const named = new Map<string, string>()
  const argument = /([A-Za-z0-9_]+=)?("(?:[^"\\]|\\.)*"|[^\s"]*)(?: +|$)/y
  while (argument.lastIndex < text.length) {
    const [, key, value = ''] = argument.exec(text) ?? []
    if (argument.lastIndex === 0) break // exec sets it back to 0 where nothing matches
    const plain = value.startsWith('"') ? unquote(value) : value
    if (key === undefined) words.push(plain)
    else named.set(key.slice(0, -1), plain)
  }
  return { words, named }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/** control-spec, "QuotedString": C escapes, octal ones as bytes of UTF-8. */
export function unquote(quoted: string): string {
  const bytes: Buffer[] = []
  for (const [, octal, escaped, plain] of quoted.slice(1, -1).matchAll(/\\([0-3][0-7]{0,2})|\\(.)|([^\\]+)/gs)) {
    if (octal !== undefined) bytes.push(Buffer.of(Number.parseInt(octal, 8)))
    else bytes.push(Buffer.from(plain ?? ESCAPES[escaped ?? ''] ?? escaped ?? ''))
  }
  return Buffer.concat(bytes).toString('utf8')
}
