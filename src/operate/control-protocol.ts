import { join } from 'node:path'
import { runtimeDirectory } from '../config/runtime-directory.ts'
import type { Config } from '../config/schema.ts'
import { CommandError, type CommandErrorCode } from '../routing/command-error.ts'
import type { CommandProgress } from '../routing/command-progress.ts'

/** The path of the control socket: what the server listens on and the `sotto` program looks for. */
export function controlPath(config: Config): string {
  return join(runtimeDirectory(config), 'control.sock')
}

/** In bytes: one request. */
export const LONGEST_LINE = 1024 * 1024
/** In bytes: one answer; all that is held of one account is the longest. */
export const LONGEST_ANSWER = 64 * 1024 * 1024

/** One line of JSON to the server. */
export interface Request {
  /** Chosen by the client; the answer bears it. */
  readonly id: string
  readonly command: string
  readonly input: unknown
  /** Said by who wants to be told how far it is. */
  readonly progress?: true
}

/** Lines of JSON from the server: any number of those that say how far it is, then the answer; its id is '' where the request could not be read. */
export type Answer =
  | { readonly id: string; readonly progress: CommandProgress }
  | { readonly id: string; readonly ok: true; readonly result: unknown }
  | { readonly id: string; readonly ok: false; readonly error: Refusal }

export interface Refusal {
  readonly message: string
  readonly code: CommandErrorCode
}

/** Cuts a stream of bytes into lines, each at most so many bytes long. */
export class Lines {
  readonly #longest: number
  readonly #ready: string[] = []
  #rest: Buffer[] = []
  #length = 0

  constructor(longest: number) {
    this.#longest = longest
  }

  /** False where a line is too long: nothing more can be read then. */
  add(bytes: Buffer): boolean {
    let start = 0
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      if (this.#length + end - start > this.#longest) return false
      this.#ready.push(Buffer.concat([...this.#rest, bytes.subarray(start, end)]).toString('utf8'))
      this.#rest = []
      this.#length = 0
      start = end + 1
    }
    this.#rest.push(bytes.subarray(start))
    this.#length += bytes.length - start
    return this.#length <= this.#longest
  }

  next(): string | undefined {
    return this.#ready.shift()
  }
}

/** @throws CommandError where the line is no request */
export function readRequest(line: string): Request {
  const { id, command, input, progress } = readObject(line)
  if (typeof id === 'string' && typeof command === 'string') return { id, command, input, ...progress === true ? { progress } : {} }
  throw new CommandError('bad-input', 'no request: id or command is missing')
}

/** @throws CommandError where the line is no answer */
export function readAnswer(line: string): Answer {
  const { id, ok, result, error, progress } = readObject(line)
  if (typeof id === 'string' && ok === undefined && typeof progress === 'object' && progress !== null) {
    const { step, percent } = progress as Readonly<Record<string, unknown>> // an object, as was just seen
    if (typeof step === 'string' && typeof percent === 'number') return { id, progress: { step, percent } }
  }
  if (typeof id === 'string' && ok === true) return { id, ok, result }
  if (typeof id === 'string' && ok === false && typeof error === 'object' && error !== null) {
    const { message, code } = error as Readonly<Record<string, unknown>> // an object, as was just seen
    if (typeof message === 'string' && isCode(code)) return { id, ok, error: { message, code } }
  }
  throw new CommandError('unavailable', 'what answers on the control socket is no server of this version')
}

export function requestLine(request: Request): string {
  return `${JSON.stringify(request)}\n`
}

export function answerLine(id: string, error: CommandError | undefined, result?: unknown): string {
  const answer: Answer = error === undefined
    ? { id, ok: true, result }
    : { id, ok: false, error: { message: error.message, code: error.code } }
  return `${JSON.stringify(answer)}\n`
}

export function progressLine(id: string, progress: CommandProgress): string {
  const line: Answer = { id, progress }
  return `${JSON.stringify(line)}\n`
}

function readObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>> // no primitive
  } catch {
    // JSON's message may quote the line, and that may hold a password.
  }
  throw new CommandError('bad-input', 'no request: the line is no JSON object')
}

function isCode(code: unknown): code is CommandErrorCode {
  return code === 'bad-input' || code === 'refused' || code === 'unavailable' || code === 'internal'
}
