import { isCharacterData } from '../xml/characters.ts'
import { element, type Element } from '../xml/element.ts'
import { serialize } from '../xml/serialize.ts'
import type { Jid } from '../xmpp/jid.ts'

const NS_PORTABLE = 'urn:xmpp:pie:0'
export const NS_HELD = 'urn:sotto:held:0'

/** All that is stored of one account. */
export interface AccountData {
  /** Children of `user`, as XEP-0227 has them. */
  readonly portable: readonly Element[]
  /** Every row: by its owner, then by table. */
  readonly held: Readonly<Record<string, object>>
}

/**
 * All that is held of an account as an XML document (XEP-0227, version 1.1): first what another server can take over,
 * then in a namespace of our own every row as it lies in the store, so that nothing is left out which has no place in
 * that format.
 *
 * What a password is checked against is told of and not given: XEP-0227 §4.3 has a place for it, but whoever finds the file
 * could try passwords by it, and be this server to a client. Who moves chooses a new password. Nor are tokens given.
 */
export function exportDocument({ local, domain }: Jid, { portable, held }: AccountData): string {
  const own = inLines(NS_HELD, 'held', {},
    ...WITHHELD.map(([table, column, what]) => element(NS_HELD, 'withheld', { table, column }, what)),
    ...Object.entries(held).flatMap(([owner, tables]) => Object.entries(tables).map(([table, rows]) => tableElement(owner, table, rows))))
  const user = inLines(NS_PORTABLE, 'user', { name: local }, ...portable, own)
  const root = inLines(NS_PORTABLE, 'server-data', {}, inLines(NS_PORTABLE, 'host', { jid: domain }, user))
  return `<?xml version='1.0' encoding='UTF-8'?>\n${serialize(root, '')}\n`
}

const WITHHELD = [
  ['account', 'verifiers', 'What your password is checked against, sealed: salts, SCRAM keys and an argon2id hash, at the cost that '
    + 'the table says (rounds of PBKDF2; kibibytes, passes and lanes of argon2id).'],
  ['token', 'sealed', 'What a client of yours logs in with instead of your password, sealed.'],
] as const

function tableElement(owner: string, table: string, rows: unknown): Element {
  const list: readonly unknown[] = Array.isArray(rows) ? rows : [rows]
  return inLines(NS_HELD, 'table', { name: table, of: owner }, ...list.map((row) => valueElement('row', {}, row)))
}

/** A JSON value, or bytes. */
function valueElement(name: string, attrs: Readonly<Record<string, string>>, value: unknown): Element {
  if (value === null || value === undefined) return element(NS_HELD, name, { ...attrs, nothing: 'true' })
  if (value instanceof Uint8Array) return bytesElement(name, attrs, value)
  if (Array.isArray(value)) return element(NS_HELD, name, attrs, ...value.map((item) => valueElement('item', {}, item)))
  if (typeof value === 'object') {
    return element(NS_HELD, name, attrs, ...Object.entries(value).map(([key, item]) => valueElement('value', { name: key }, item)))
  }
  const text = String(value)
  return isCharacterData(text) ? element(NS_HELD, name, attrs, text) : bytesElement(name, attrs, Buffer.from(text))
}

function bytesElement(name: string, attrs: Readonly<Record<string, string>>, bytes: Uint8Array): Element {
  return element(NS_HELD, name, { ...attrs, encoding: 'base64' }, Buffer.from(bytes).toString('base64'))
}

/** Its children stand on lines of their own: people read this, too. */
function inLines(namespace: string, name: string, attrs: Readonly<Record<string, string>>, ...children: readonly Element[]): Element {
  return element(namespace, name, attrs, '\n', ...children.flatMap((child) => [child, '\n']))
}
