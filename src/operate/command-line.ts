import { Command, Option } from 'commander'
import { loadConfig } from '../config/load.ts'
import { configLocation } from '../config/location.ts'
import type { Config } from '../config/schema.ts'
import { CommandError } from '../routing/command-error.ts'
import type { AccountListOutput, AccountOutput } from './account.ts'
import { accountLifeCommandLine } from './account-life.ts'
import { backupCommandLine } from './backup.ts'
import { addAccounts } from './bulk.ts'
import { certificateLines } from './certificate-report.ts'
import type { Terminal } from './console.ts'
import type { Operator } from './control-client.ts'
import { zoneLines, type DnsOptions } from './dns.ts'
import { doctorCommandLine } from './doctor.ts'
import type { DomainListOutput, DomainOutput } from './domain.ts'
import { inviteCommandLine } from './invite.ts'
import { keyCommandLine } from './keys.ts'
import { onionCommandLine, type OnionOutput } from './onion.ts'
import { logCommandLine } from './log.ts'
import { ask, askPassword, linesOf, type Keyboard } from './password-prompt.ts'
import { qrCode } from './qr-code.ts'
import { registrationCommandLine } from './registration.ts'
import { statusCommandLine } from './status.ts'

/** The program's surroundings, and what it can do that lies above this room. */
export interface Program {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly keyboard: Keyboard
  readonly output: Terminal
  /** Runs the server until it is told to stop. `file` is the configuration file, where there is one. */
  start(config: Config, file: string | undefined): Promise<void>
  /** The running server, or the database alone where none runs. */
  operator(config: Config, file: string | undefined): Promise<Operator>
}

/** The command line of `sotto`. Its actions throw; whoever parses turns errors into messages and exit codes. */
export function commandLine(program: Program): Command {
  const root = new Command('sotto')
    .description('An XMPP server behind its own Tor onion service, where only OTR-encrypted messages pass.')
    .option('-c, --config <file>',
      'configuration file (else $SOTTO_CONFIG, ./sotto.toml, ./config/sotto.toml, else the defaults)')
    // Both hold for the commands below, too, as they are set before those are made.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => { program.output.write(text) },
      writeErr: (text) => { program.keyboard.questions.write(text) },
    })
  const file = (): string | undefined =>
    configLocation(root.opts<{ config?: string }>().config, program.environment, program.cwd)
  const config = (): Config => loadConfig(file(), program)
  const operate = async (work: (operator: Operator) => Promise<void>): Promise<void> => {
    const operator = await program.operator(config(), file())
    try {
      await work(operator)
    } finally {
      await operator.close()
    }
  }
  const print = (line: string): void => { program.output.write(`${line}\n`) }

  root.command('start', { isDefault: true })
    .description('run the server until it is told to stop (SIGTERM or Ctrl-C)')
    .allowExcessArguments()
    .action((_options, command: Command) => {
      // Whatever is no command ends up here, as an argument of the one that need not be written.
      const [unknown] = command.args
      if (unknown === undefined) return program.start(config(), file())
      throw new CommandError('bad-input', `there is no command "${unknown}"; sotto --help lists them`)
    })

  root.command('config').description('the configuration')
    .command('check')
    .description('tell all problems of the configuration, and start nothing')
    .action(() => {
      config()
      print(`${file() ?? 'The default configuration'} is right.`)
    })

  root.command('dns [domain]')
    .description('the records to publish in DNS for a domain, as lines of a zone file')
    .option('--host <name>', 'the machine that serves the domain (else the domain itself)')
    .option('--authority <name>', 'who issues its certificates, as in CAA (else known from the certificate)')
    .option('--account <uri>', 'your account with the authority; nobody else\'s gets a certificate then')
    .action((domain: string | undefined, options: Omit<DnsOptions, 'domain'>) => {
      for (const line of zoneLines(config(), { ...options, domain })) print(line)
    })

  root.command('tls [domain]')
    .description('the fingerprints of certificates, what they say, and where they are shown')
    .action((domain: string | undefined) => {
      for (const line of certificateLines(config(), domain, Date.now())) print(line)
    })

  const account = root.command('account').description('accounts')
  passwordless(account.command('add [name]'))
    .option('--reuse', 'the name may be that of a deleted account')
    .description('make an account: NAME, NAME@DOMAIN, or one for each line "name password" of stdin')
    .action((name: string | undefined, { reuse }: { reuse?: boolean }, command: Command) => {
      refusePasswords(command)
      if (name === undefined) return operate((operator) => addAll(program, operator))
      return operate(async (operator) => {
        const password = await askPassword(program.keyboard, { repeated: true })
        const made = await operator.run('account add', { account: name, password, ...reuse === true ? { reuse } : {} }) as AccountOutput
        for (const notice of made.notices ?? []) print(`Mind: ${notice}.`)
        print(`Made ${made.account}`)
      })
    })
  passwordless(account.command('password <name>'))
    .description('give an account another password, and end its sessions')
    .action((name: string, _options, command: Command) => {
      refusePasswords(command)
      return operate(async (operator) => {
        const password = await askPassword(program.keyboard, { repeated: true })
        const changed = await operator.run('account password', { account: name, password }) as AccountOutput
        for (const notice of changed.notices ?? []) print(`Mind: ${notice}.`)
        print(`Changed the password of ${changed.account}`)
      })
    })
  account.command('delete <name>')
    .description('remove an account and all that is stored of it')
    .option('-y, --yes', 'do not ask')
    .action((name: string, { yes }: { yes?: boolean }) => operate(async (operator) => {
      if (yes !== true) await confirm(program.keyboard, `Remove ${name} and all that is stored of it? Write yes: `, 'nothing was removed')
      const removed = await operator.run('account delete', { account: name }) as AccountOutput
      print(`Removed ${removed.account}`)
    }))
  account.command('list')
    .description('the accounts, one a line')
    .option('-d, --domain <domain>', 'of this domain only')
    .option('--locked', 'only those that are locked')
    .action((input: { domain?: string, locked?: true }) => operate(async (operator) => {
      const { accounts } = await operator.run('account list', input) as AccountListOutput
      for (const one of accounts) print(one)
    }))
  accountLifeCommandLine(account, { operate, cwd: program.cwd, print })

  registrationCommandLine(root.command('registration').description('who may make an account'), { operate, print })
  inviteCommandLine(root.command('invite').description('invitations'), { operate, print, colors: program.output.isTTY === true })


  const onion = root.command('onion').description('onion services')
  onion.command('show')
    .description('their addresses, whether others can reach them, and a QR code')
    .action(() => operate(async (operator) => {
      const { services } = await operator.run('onion show', {}) as OnionOutput
      if (services.length === 0) print('No domain has an onion service (onion_service = true gives it one).')
      for (const { label, address, published } of services) {
        print(`${label}: ${address} (${published ? 'published' : 'not published'})`)
        print((await qrCode(address, { colors: program.output.isTTY === true })).replace(/\n+$/, ''))
      }
    }))

  onionCommandLine(onion, { operate, cwd: program.cwd, print, confirm: (question) => confirm(program.keyboard, question, 'nothing was changed') })

  const domain = root.command('domain').description('remote domains')
  const rule = (ruling: string, description: string, done: string): void => {
    domain.command(`${ruling} <domain...>`).description(description)
      .action((names: readonly string[]) => operate(async (operator) => {
        const { domains } = await operator.run(`domain ${ruling}`, { domains: names }) as DomainOutput
        for (const one of domains) print(`${done} ${one}`)
      }))
  }
  rule('block', 'have nothing to do with a domain and those below it; \'*\' is all that are not allowed', 'Blocked')
  rule('allow', 'have to do with a domain and those below it, whatever is blocked above it', 'Allowed')
  rule('forget', 'take back what was ruled on a domain', 'Forgot')
  domain.command('list')
    .description('what was ruled, one a line')
    .action(() => operate(async (operator) => {
      const { rulings } = await operator.run('domain list', {}) as DomainListOutput
      for (const one of rulings) print(`${one.ruling} ${one.domain}`)
    }))

  doctorCommandLine(root, { config, print })
  statusCommandLine(root, { operate, output: program.output })
  logCommandLine(root.command('log').description('what the running server logs'), { operate, print })
  keyCommandLine(root.command('keys').description('the storage key'), { operate, config, keyboard: program.keyboard, print })
  backupCommandLine(root.command('backup').description('encrypted backups'), {
    operate, config, file, cwd: program.cwd, print, terminal: program.keyboard.questions,
  })

  root.command('otr').description('OTR')
    .command('show')
    .description('what the audits of conversations found since the server started: numbers, no names')
    .action(() => operate(async (operator) => {
      const { counts } = await operator.run('otr show', {}) as { readonly counts?: Readonly<Record<string, number>> }
      if (counts === undefined) print('Nothing is audited (policy.otr_audit = true does it).')
      for (const [name, count] of Object.entries(counts ?? {})) print(`${name} ${count}`)
    }))

  return root
}

/** Lets in what looks like a password, so that it can be said why it is none, and not just "too many arguments". */
function passwordless(command: Command): Command {
  return command.allowExcessArguments().addOption(new Option('-p, --password [password]').hideHelp())
}

/** @throws CommandError, which does not repeat what was given */
function refusePasswords(command: Command): void {
  if (command.args.length < 2 && command.opts<{ password?: unknown }>().password === undefined) return
  throw new CommandError('bad-input',
    'a password is never an argument: other users of this machine can read it in the list of processes, and it stays '
    + 'in the history of the shell. Take another one, and leave it out here: it is asked for')
}

async function addAll({ keyboard, output }: Program, operator: Operator): Promise<void> {
  if (keyboard.input.isTTY) throw new CommandError('bad-input', 'write a name, or give lines "name password" on stdin')
  let refused = 0
  for await (const { line, outcome } of addAccounts(operator, linesOf(keyboard.input))) {
    if ('refused' in outcome) refused++
    output.write(`line ${line}: ${'refused' in outcome ? outcome.refused : `made ${[outcome.account, ...outcome.notices ?? []].join('; ')}`}\n`)
  }
  if (refused === 0) return
  throw new CommandError('refused', `${refused} ${refused === 1 ? 'line was' : 'lines were'} not carried out`)
}

async function confirm(keyboard: Keyboard, question: string, refusal: string): Promise<void> {
  if (!keyboard.input.isTTY) throw new CommandError('bad-input', 'nobody can be asked here; add --yes')
  if (await ask(keyboard, question, { echo: true }) !== 'yes') throw new CommandError('refused', refusal)
}
