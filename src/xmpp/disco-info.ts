import { createHash } from 'node:crypto'
import { element, type Element } from '../xml/element.ts'
import { NS_DATA_FORMS } from './data-form.ts'
import { NS_DISCO_INFO } from './namespaces.ts'

/** A category and a type of the registry (XEP-0030 §10.1). No name: it would tell the software. */
export interface Identity {
  readonly category: string
  readonly type: string
}

/** What an entity says of itself (XEP-0030 §3.1), with the forms of XEP-0128. Each feature is said once (XEP-0115 §5.4). */
export function discoInfo(
  identities: readonly Identity[], features: readonly string[], forms: readonly Element[] = [], node?: string,
): Element {
  return element(NS_DISCO_INFO, 'query', { node },
    ...identities.map(({ category, type }) => element(NS_DISCO_INFO, 'identity', { category, type })),
    ...[...new Set(features)].map((feature) => element(NS_DISCO_INFO, 'feature', { var: feature })),
    ...forms)
}

/** The hash functions of XEP-0115 that are known here, by their names in it (its registry is IANA's). */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['sha-1', 'sha1'], ['sha-224', 'sha224'], ['sha-256', 'sha256'], ['sha-384', 'sha384'], ['sha-512', 'sha512'],
])

/**
 * XEP-0115 §5.1: the verification string of a disco#info result; undefined where the hash is not known, or the result is
 * ill-formed (§5.4): what is said twice, or what holds the sign that separates its parts, could be read in two ways.
 */
export function verificationString(info: Element, hash: string): string | undefined {
  const algorithm = HASHES.get(hash)
  const parts = [identityParts(info), featureParts(info), formParts(info)]
  if (algorithm === undefined || parts.some((part) => part === undefined)) return undefined
  const text = parts.flatMap((part) => part ?? [])
  if (text.some((one) => one.includes('<'))) return undefined
  return createHash(algorithm).update(text.map((one) => `${one}<`).join('')).digest('base64')
}

/** Is it the verification string of this result by any hash function that is known? */
export function hashesTo(info: Element, ver: string | undefined): boolean {
  return [...HASHES.keys()].some((hash) => ver !== undefined && verificationString(info, hash) === ver)
}

function identityParts(info: Element): string[] | undefined {
  return once(children(info, 'identity').map(({ attrs }) =>
    `${attrs['category'] ?? ''}/${attrs['type'] ?? ''}/${attrs['xml:lang'] ?? ''}/${attrs['name'] ?? ''}`).sort(byOctets))
}

function featureParts(info: Element): string[] | undefined {
  return once(children(info, 'feature').map(({ attrs }) => attrs['var'] ?? '').sort(byOctets))
}

/** A form without a hidden FORM_TYPE is ignored (§5.4); two of one FORM_TYPE are not well formed. */
function formParts(info: Element): string[] | undefined {
  const forms: { readonly type: string, readonly fields: readonly Element[] }[] = []
  for (const form of info.elements().filter((child) => child.is('x', NS_DATA_FORMS))) {
    const fields = form.elements().filter((child) => child.is('field', NS_DATA_FORMS))
    const named = fields.find(({ attrs }) => attrs['var'] === 'FORM_TYPE')
    if (named === undefined || named.attrs['type'] !== 'hidden') continue
    const [type, ...others] = new Set(valuesOf(named))
    if (type === undefined || others.length > 0) return undefined
    forms.push({ type, fields: fields.filter((field) => field !== named) })
  }
  if (once(forms.map(({ type }) => type)) === undefined) return undefined
  forms.sort((one, other) => byOctets(one.type, other.type))
  return forms.flatMap(({ type, fields }) => [type, ...[...fields]
    .sort((one, other) => byOctets(one.attrs['var'] ?? '', other.attrs['var'] ?? ''))
    .flatMap((field) => [field.attrs['var'] ?? '', ...valuesOf(field).sort(byOctets)])])
}

function valuesOf(field: Element): string[] {
  return field.elements().filter((child) => child.is('value', NS_DATA_FORMS)).map((value) => value.content())
}

function children(info: Element, name: string): Element[] {
  return info.elements().filter((child) => child.is(name, NS_DISCO_INFO))
}

function once(parts: string[]): string[] | undefined {
  return new Set(parts).size === parts.length ? parts : undefined
}

/** "i;octet" (RFC 4790 §9.3): UTF-16 has another order than UTF-8 where there are surrogates. */
function byOctets(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}
