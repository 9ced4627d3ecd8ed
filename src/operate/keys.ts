import type { Command } from 'commander'
import { z } from 'zod'
import { LEAST_PASSPHRASE } from '../auth/passphrase.ts'
import { SealBroken } from '../auth/sealing.ts'
import type { Config } from '../config/schema.ts'
import { CommandError } from '../routing/command-error.ts'
import type { Extension } from '../routing/extension.ts'
import { StoreError } from '../store/store-error.ts'
import type { Operator } from './control-client.ts'
import { askTwice, linesOf, type Keyboard } from './password-prompt.ts'

const rotation = z.strictObject({ passphrase: z.string().min(1).max(1024).optional() })

/** The command by which the operator changes the storage key; `rotate` does it, with that passphrase where one is given. */
export function keyCommands({ keys }: Config, rotate: (passphrase: string | undefined) => Promise<void>): Extension {
  return {
    name: 'key-commands',
    implements: [],
    install: () => ({
      commands: [{
        name: 'keys rotate',
        async run(input): Promise<Readonly<Record<string, never>>> {
          const judged = rotation.safeParse(input)
          if (!judged.success) throw new CommandError('bad-input', 'give a passphrase of 1 to 1024 characters, or none')
          const { passphrase } = judged.data
          if (passphrase !== undefined) refuseUnused(keys)
          if (passphrase === undefined && keys.passphrase_prompt) {
            throw new CommandError('bad-input', 'the server keeps no passphrase, and asks nobody while it runs: give one')
          }
          if (passphrase !== undefined && [...passphrase].length < LEAST_PASSPHRASE) throw tooShort()
          await told(rotate(passphrase))
          return {}
        },
      }],
    }),
  }
}

/** `sotto keys ...` */
export function keyCommandLine(keys: Command, { operate, config, keyboard, print }: {
  operate(work: (operator: Operator) => Promise<void>): Promise<void>
  config(): Config
  readonly keyboard: Keyboard
  print(line: string): void
}): void {
  keys.command('rotate')
    .description('make a new storage key, and seal under it all that is sealed; the server may run meanwhile')
    .option('--passphrase', 'ask for a new passphrase (where keys.passphrase_prompt is set it always does)')
    .action(async ({ passphrase: isAsked }: { passphrase?: boolean }) => {
      const { keys: source } = config()
      if (isAsked === true) refuseUnused(source)
      await operate(async (operator) => {
        const passphrase = isAsked === true || source.passphrase_prompt ? await newPassphrase(keyboard) : undefined
        await operator.run('keys rotate', passphrase === undefined ? {} : { passphrase })
        print('Changed the storage key. Backups that were made before hold the one before; make a new one.')
        if (passphrase === undefined || source.passphrase_prompt) return
        print(source.passphrase_file !== '' ? `Now write the new passphrase into ${source.passphrase_file}: the next start reads it there.`
          : `Now make the credential ${source.passphrase_credential} anew, with the new passphrase: the next start reads it there.`)
      })
    })
}

/** At the terminal twice, without echo; where stdin is none, its first line. */
async function newPassphrase(keyboard: Keyboard): Promise<string> {
  if (keyboard.input.isTTY) return await askTwice(keyboard, 'New passphrase: ', 'the two passphrases differ')
  for await (const line of linesOf(keyboard.input)) return line
  throw new CommandError('bad-input', 'no passphrase was given')
}

function refuseUnused({ file }: Config['keys']): void {
  if (file === '') return
  throw new CommandError('bad-input', 'the storage key lies in a file and follows from no passphrase: to change that, write '
    + 'keys.passphrase_prompt, keys.passphrase_file or keys.passphrase_credential into the configuration, and start the server')
}

function tooShort(): CommandError {
  return new CommandError('bad-input', `a passphrase has ${LEAST_PASSPHRASE} characters or more`)
}

/** What went wrong is the operator's to mend. */
async function told(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (error instanceof StoreError) throw new CommandError('refused', error.message)
    if (error instanceof SealBroken) {
      throw new CommandError('refused', `${error.message}: the database was damaged or changed by others. Restore a backup; nothing was changed`)
    }
    throw error
  }
}
