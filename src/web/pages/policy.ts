import type { CopyConfig } from '../../config/copies.ts'
import type { Config } from '../../config/schema.ts'
import type { RegistrationMode } from '../../registration/application.ts'
import { html, type Content } from '../markup.ts'
import { show } from '../page.ts'
import type { LogState, Pages } from '../premises.ts'
import type { Site } from '../site.ts'

/** What holds at this moment: made from the configuration that the server runs by, so it cannot be out of date. */
export const policy: Pages = (app, { config, office, logState }) => {
  app.get('/policy', (context) => {
    const { site } = context.env.visit
    return show(context, { title: 'Policy', place: '/policy', main: html`
<h1>Policy</h1>
<p class="lead">What this server does with what it learns. The server wrote this page itself, from the settings it runs by now.</p>
<dl class="facts" id="policy">
${fact('Accounts', ACCOUNTS[office.mode(site.domain)], 'Nobody can list them.')}
${fact('Messages', html`OTR alone passes, version ${listed(config.policy.otr_versions)}. A message is refused where it is anything else.`)}
${fact('What is kept', 'Your account: its name, the day it was made, and what checks your password. Your contacts and whom you blocked, until you remove them.', 'Sealed on disk: your photo and nickname, what your clients put away for themselves, and tokens by which they log in without the password for a while.')}
${fact('What is not kept', 'Messages, encrypted or not. When you were here and from where. Who wrote to whom.')}
${fact('What it sees', 'Who is connected, and who sends OTR to whom, while it happens. What you put into your presence.')}
${fact('Log', ...logSentences(config, logState()))}
${fact('Backups', ...backupSentences(config))}
${fact('Other servers', ...federationSentences(config, site))}
${fact('When you go', 'An account that is deleted goes with all that is kept of it. Of its name stays a digest under a key, so that nobody else can have it.')}
</dl>` })
  })
}

const ACCOUNTS: Readonly<Record<RegistrationMode, string>> = {
  open: 'Anybody can make one who answers a question that is easy for people.',
  invite: 'By invitation.',
  closed: 'The operator makes them.',
}

function fact(title: string, ...sentences: readonly Content[]): Content {
  return html`<div><dt>${title}</dt><dd>${sentences.map((sentence) => html`<p>${sentence}</p>`)}</dd></div>`
}

const LEVELS: Readonly<Record<LogState['level'], string>> = {
  silent: 'Nothing is logged.',
  error: 'Only errors of the server are logged.',
  warn: 'Errors and warnings of the server are logged.',
  info: 'What the server does is logged.',
  debug: 'What the server does is logged in detail.',
}

function logSentences({ log }: Config, { level, raised }: LogState): Content[] {
  return [
    LEVELS[level],
    log.roster ? 'One line names people: who added or removed which contact is written down.' : 'No line names a person, an address or a message.',
    ...raised === undefined ? [] : [html`<strong>More than usual is logged at the moment</strong>, until ${minute(raised.until)}. It names nobody either.`],
  ]
}

const KINDS: Readonly<Record<CopyConfig['kind'], string>> = {
  directory: 'another disk of the same machine',
  sftp: 'a server of somebody\'s choice, by SFTP',
  s3: 'a store in some data center, by S3',
  command: 'a place of the operator\'s own making',
}

function backupSentences({ backup }: Config): Content[] {
  if (backup.recipients.length === 0) return ['None are made.']
  const copies = [...new Set(backup.copies.map(({ kind, tor }) => `${KINDS[kind]}${tor && (kind === 'sftp' || kind === 's3') ? ', through Tor' : ''}`))]
  return [
    `All of it is copied ${period(backup.every)}, and encrypted before it is written to the disk.`,
    `Kept are the last ${backup.hourly}, the last of each of ${backup.daily} days, and of ${backup.weekly} weeks: what you delete is in them for so long.`,
    copies.length === 0 ? 'They stay on this machine.' : `Copies go to ${listed(copies)}; whoever keeps them cannot read them.`,
  ]
}

function federationSentences({ s2s, tor }: Config, { domain: { config: { federation } } }: Site): Content[] {
  if (!s2s.enabled || federation === 'refuse' && !tor.enabled) return ['Nothing is exchanged with other servers.']
  return [{
    direct: 'It exchanges messages with others, and calls them directly; those with an onion address through Tor.',
    tor: 'It exchanges messages with others, and calls them through Tor alone.',
    refuse: 'It exchanges messages with servers that have an onion address, and with no others.',
  }[federation], 'What you send there is known to their operators as well, as far as it is to ours.']
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`
}

function period(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000)
  if (minutes % 60 !== 0) return `every ${minutes} minutes`
  return minutes === 60 ? 'every hour' : `every ${minutes / 60} hours`
}

function minute(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
