import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandError } from '../routing/command-error.ts'

/** A process's standard input and the terminal that questions go to. */
export interface Keyboard {
  readonly input: NodeJS.ReadStream
  /** stderr, so that a command's stdout stays clean. */
  readonly questions: NodeJS.WritableStream
}

/**
 * A password from the person at the terminal, without echo, asked for twice where `repeated`; where stdin is no
 * terminal, its first line.
 *
 * @throws CommandError where the two differ, or nothing was given
 */
export async function askPassword(keyboard: Keyboard, { repeated }: { readonly repeated: boolean }): Promise<string> {
  if (!keyboard.input.isTTY) {
    for await (const line of linesOf(keyboard.input)) return given(line)
    return given('')
  }
  const password = given(await ask(keyboard, 'Password: ', { echo: false }))
  if (repeated && await ask(keyboard, 'The same again: ', { echo: false }) !== password) {
    throw new CommandError('bad-input', 'the two passwords differ')
  }
  return password
}

/** @throws CommandError on Ctrl-C and at the end of the input */
export function ask(
  { input, questions }: Keyboard, question: string, { echo }: { readonly echo: boolean },
): Promise<string> {
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: echo ? questions : silence, terminal: true, historySize: 0 })
  // Not before: until then the terminal itself shows what is typed.
  questions.write(question)
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    lines.once('close', () => reject(new CommandError('bad-input', 'nothing was entered')))
  }).finally(() => {
    lines.close()
    if (!echo) questions.write('\n')
  })
}

/** The lines of a stream without their ends; a last one without its end counts. */
export function linesOf(input: NodeJS.ReadableStream): AsyncIterable<string> {
  return createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY, terminal: false })
}

function given(password: string): string {
  if (password === '') throw new CommandError('bad-input', 'no password was given')
  return password
}
