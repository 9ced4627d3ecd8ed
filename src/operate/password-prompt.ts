import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { LEAST_PASSPHRASE } from '../auth/passphrase.ts'
import { ConfigError } from '../config/config-error.ts'
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
  return repeated ? await askTwice(keyboard, 'Password: ', 'the two passwords differ')
    : given(await ask(keyboard, 'Password: ', { echo: false }))
}

/** The passphrase of the storage key, from the person who starts the server. @throws ConfigError where nobody can be asked */
export async function askPassphrase(keyboard: Keyboard, isNew: boolean): Promise<string> {
  if (!keyboard.input.isTTY) {
    throw new ConfigError([{
      file: undefined, line: undefined, key: 'keys.passphrase_prompt',
      problem: 'the passphrase is asked for at a terminal, and stdin is none',
      remedy: 'Start the server at a terminal and give commands while it runs, or write keys.passphrase_file or keys.passphrase_credential',
    }])
  }
  if (!isNew) return given(await ask(keyboard, 'Passphrase: ', { echo: false }))
  const passphrase = await askTwice(keyboard, 'New passphrase, without which nobody can log in any more: ', 'the two passphrases differ')
  if ([...passphrase].length >= LEAST_PASSPHRASE) return passphrase
  throw new CommandError('bad-input', `a passphrase has ${LEAST_PASSPHRASE} characters or more`)
}

/** Without echo. @throws CommandError where the two differ, with that reason */
export async function askTwice(keyboard: Keyboard, question: string, difference: string): Promise<string> {
  const answer = given(await ask(keyboard, question, { echo: false }))
  if (await ask(keyboard, 'The same again: ', { echo: false }) === answer) return answer
  throw new CommandError('bad-input', difference)
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
  if (password === '') throw new CommandError('bad-input', 'nothing was given')
  return password
}
