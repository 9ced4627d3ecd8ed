import { isIP } from 'node:net'
import { z } from 'zod'
import type { Complaint } from './config-error.ts'
import { secretFileComplaints } from './key-files.ts'

export const COPY_KINDS = ['directory', 'sftp', 's3', 'command'] as const

/** Where copies of the backups go: one table for each place. Which keys it needs follows from its kind. */
export const copy = z.strictObject({
  kind: z.enum(COPY_KINDS),
  path: z.string().default(''),
  host: z.string().default(''),
  port: z.int().min(1).max(65_535).default(22),
  user: z.string().default(''),
  key_file: z.string().default(''),
  host_key: z.string().default(''),
  endpoint: z.string().default(''),
  region: z.string().default('us-east-1'),
  bucket: z.string().default(''),
  prefix: z.string().default(''),
  access_key: z.string().default(''),
  secret_key_file: z.string().default(''),
  command: z.array(z.string()).max(100).default([]),
  tor: z.boolean().optional(),
})

/** A table as it is written, and with `tor` decided. */
export type CopyConfig = Required<z.infer<typeof copy>>

type Key = keyof CopyConfig
/** Those that a kind must have, and those that it may have. */
const KEYS: Readonly<Record<CopyConfig['kind'], { readonly must: readonly Key[], readonly may: readonly Key[] }>> = {
  directory: { must: ['path'], may: [] },
  sftp: { must: ['path', 'host', 'user', 'key_file', 'host_key'], may: ['port', 'tor'] },
  s3: { must: ['endpoint', 'access_key', 'secret_key_file'], may: ['region', 'bucket', 'prefix', 'tor'] },
  command: { must: ['command'], may: [] },
}
/** A SHA-256 as ssh-keygen -l shows it: base64 without its padding. */
const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/
/** Nothing that a URL or XML would write otherwise. */
const PLAIN = /^[A-Za-z0-9._/-]*$/
const STANDARD = copy.parse({ kind: 'directory' })

export interface CopiesConfig {
  readonly tor: { readonly enabled: boolean }
  readonly backup: {
    readonly recipients: readonly string[], readonly directory: string, readonly every: number, readonly alarm_after: number
    readonly copies: readonly { readonly [K in Key]: CopyConfig[K] extends string[] ? readonly string[] : CopyConfig[K] }[]
  }
}

type Copy = CopiesConfig['backup']['copies'][number]

/** What is wrong between the values of the copies, and with the files that they name. */
export function copiesComplaints({ tor, backup }: CopiesConfig): Complaint[] {
  if (backup.copies.length === 0) return []
  const complaints: Complaint[] = []
  if (backup.recipients.length === 0) {
    complaints.push({ key: 'backup.copies', problem: 'no backups are made that could be copied', remedy: 'Name backup.recipients, or remove the copies' })
  }
  if (backup.alarm_after <= backup.every) {
    complaints.push({ key: 'backup.alarm_after', problem: 'it would be rung before the next backup is due', remedy: 'Let it be several times as long as backup.every' })
  }
  return [...complaints, ...backup.copies.flatMap((one, index) => ofCopy(one, `backup.copies[${index}]`, backup.directory, tor.enabled))]
}

function ofCopy(one: Copy, at: string, directory: string, torEnabled: boolean): Complaint[] {
  const { must, may } = KEYS[one.kind]
  const missing = must.filter((key) => String(one[key]) === '')
  const idle = (Object.keys(STANDARD) as Key[]).filter((key) => key !== 'kind' && key !== 'tor' && !must.includes(key) && !may.includes(key)
    && String(one[key]) !== String(STANDARD[key]))
  return [
    ...missing.map((key) => ({ key: `${at}.${key}`, problem: `a copy of the kind "${one.kind}" needs this key`, remedy: `Add ${key} = ...` })),
    ...idle.map((key) => ({ key: `${at}.${key}`, problem: `it means nothing to a copy of the kind "${one.kind}"`, remedy: `Remove it; the keys here are ${[...must, ...may].join(', ')}` })),
    ...ofValues(one, at, directory),
    ...ofWay(one, at, torEnabled),
    ...secretFileComplaints(`${at}.key_file`, one.key_file, { mayBeMissing: false }),
    ...secretFileComplaints(`${at}.secret_key_file`, one.secret_key_file, { mayBeMissing: false }),
  ]
}

function ofValues({ kind, path, host_key, endpoint, bucket, prefix }: Copy, at: string, directory: string): Complaint[] {
  const complaints: Complaint[] = []
  if (kind === 'directory' && path !== '' && path === directory) {
    complaints.push({ key: `${at}.path`, problem: 'it is the folder of the backups themselves', remedy: 'Name a folder on another disk' })
  }
  if (kind === 'sftp' && host_key !== '' && !FINGERPRINT.test(host_key)) {
    complaints.push({ key: `${at}.host_key`, problem: 'it is no fingerprint', remedy: 'Write what `ssh-keygen -lf` shows of the server\'s key: "SHA256:" and 43 characters' })
  }
  if (kind === 's3' && endpoint !== '' && urlOf(endpoint) === undefined) {
    complaints.push({
      key: `${at}.endpoint`, problem: 'it is no address of a store, or one that everybody on the way could read',
      remedy: 'Write "https://HOST"; "http://" is for onions and for this machine',
    })
  }
  for (const [key, value] of [['bucket', bucket], ['prefix', prefix]] as const) {
    if (kind === 's3' && !PLAIN.test(value)) complaints.push({ key: `${at}.${key}`, problem: 'it has a character that is not plain', remedy: 'Use letters, digits, "-", "_", "." and "/"' })
  }
  return complaints
}

function ofWay(one: Copy, at: string, torEnabled: boolean): Complaint[] {
  const host = hostOf(one)
  if (host === undefined) return []
  const isOnion = host.endsWith('.onion')
  if (one.tor && !torEnabled) {
    return [{ key: `${at}.tor`, problem: 'tor is switched off', remedy: 'Set tor.enabled = true, or tor = false here, which shows the address of this machine' }]
  }
  if (isOnion && !one.tor) return [{ key: `${at}.tor`, problem: 'an onion is reached through Tor alone', remedy: 'Remove this line' }]
  if (one.tor && (isLoopback(host) || isPrivate(host))) {
    return [{ key: `${at}.tor`, problem: `Tor reaches no address of a network like yours, and ${host} is one`, remedy: 'Write tor = false' }]
  }
  return []
}

/** Undefined for what is no URL of a store: https, or http where nobody can listen. */
export function urlOf(endpoint: string): URL | undefined {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') return undefined
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && (url.hostname.endsWith('.onion') || isLoopback(url.hostname)))
  return isSafe ? url : undefined
}

/** Undefined where nobody is called. */
function hostOf({ kind, host, endpoint }: Copy): string | undefined {
  return kind === 'sftp' ? host : kind === 's3' ? urlOf(endpoint)?.hostname : undefined
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))
}

function isPrivate(host: string): boolean {
  return isIP(host) === 4 && /^(10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(host)
}
