import type { Command } from 'commander'
import type { Config } from '../config/schema.ts'
import type { Examination } from './doctor/examination.ts'
import type { Finding, ServerStatus } from './doctor/finding.ts'
import { CommandError } from '../routing/command-error.ts'
import { ControlClient } from './control-client.ts'
import { controlPath } from './control-protocol.ts'

/** `sotto doctor`: looks at the server from outside and says what to mend. It needs none that runs, and starts none. */
export function doctorCommandLine(root: Command, { config, print }: { config(): Config, print(line: string): void }): void {
  root.command('doctor')
    .description('look at everything that may be wrong, with remedies and a grade; exit code 2 where something is bad')
    .option('--json', 'for programs')
    .action(async ({ json }: { json?: true }) => {
      const given = config()
      const { examine } = await import('./doctor/examination.ts')
      const examination = await examine({ config: given, now: Date.now(), status: await statusOf(given) })
      for (const line of json === true ? [JSON.stringify(examination)] : examinationLines(examination)) print(line)
      if (examination.grade > 'B') throw new CommandError('unwell', 'Something is to be mended.')
    })
}

export function examinationLines({ grade, checks }: Examination): readonly string[] {
  return [
    ...checks.filter(({ findings }) => findings.length > 0).flatMap(({ name, findings }) => [name, ...findings.flatMap(findingLines)]),
    `Grade: ${grade}`,
  ]
}

const MARKS: Readonly<Record<Finding['verdict'], string>> = { good: 'ok    ', notice: 'notice', bad: 'BAD   ', grave: 'GRAVE ' }

function findingLines({ verdict, says, remedy }: Finding): string[] {
  return [`  ${MARKS[verdict]} ${says}`, ...remedy === undefined ? [] : [`         ${remedy}`]]
}

async function statusOf(config: Config): Promise<ServerStatus | undefined> {
  const client = await ControlClient.connect(controlPath(config))
  try {
    return await client?.run('status', {}) as ServerStatus | undefined
  } finally {
    await client?.close()
  }
}
