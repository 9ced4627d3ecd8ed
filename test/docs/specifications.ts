import type { Tokens } from '../../src/auth/tokens.ts'
import type { Claims } from '../../src/auth/verifiers.ts'
import { fastAuthentication } from '../../src/c2s/fast.ts'
import { COMPONENT_PROTOCOL } from '../../src/component/components.ts'
import { administrationExtensions, extensions, registrationExtensions } from '../../src/extensions.ts'
import type { Extension } from '../../src/routing/extension.ts'
import type { Implementation } from '../../src/routing/implementation.ts'
import { foundations } from '../../src/specifications.ts'
import type { Pages } from './pages.ts'

/** A specification that the code declares, and the files that implement it. */
export interface Declared extends Implementation {
  readonly files: readonly string[]
}

/** What the code says after `DEVIATION:`, and in which file. */
export interface Deviation {
  readonly file: string
  readonly text: string
}

/** Every extension that implements something, as data: what they are made of is not asked for what they say of themselves. */
export const described: readonly Omit<Extension, 'install'>[] = [
  ...extensions,
  fastAuthentication({} as Claims, {} as Tokens),
  ...registrationExtensions({} as Parameters<typeof registrationExtensions>[0]),
  ...administrationExtensions({} as Parameters<typeof administrationExtensions>[0]),
  COMPONENT_PROTOCOL,
]

/** All that the code declares: RFCs first, each kind by number. `sources` finds the file of an extension. */
export function declared(sources: Pages): Declared[] {
  const files = new Map<string, string[]>()
  for (const { file, name } of declarations(sources)) files.set(name, [...files.get(name) ?? [], file])
  const ofExtensions = described.flatMap(({ name, implements: list }) => list.map((one): Declared => ({ ...one, files: files.get(name) ?? [] })))
  return [...foundations, ...ofExtensions].sort((one, other) => order(one) - order(other))
}

/** Where the sources have an extension that implements something, and its name. */
export function declarations(sources: Pages): { readonly file: string, readonly name: string }[] {
  return [...sources].flatMap(([file, text]) => [...text.matchAll(/name: '([^']+)',\n\s+implements: \[(?!\])/g)].map(([, name = '']) => ({ file, name })))
}

/** RFC 6120 or XEP-0030. */
export function nameOf({ rfc, xep }: Implementation): string {
  return rfc === undefined ? `XEP-${String(xep).padStart(4, '0')}` : `RFC ${rfc}`
}

/** A comment's words from `DEVIATION:` to the comment's end, or to its next empty line. */
export function deviations(sources: Pages): Deviation[] {
  return [...sources].flatMap(([file, text]) => {
    const lines = text.split('\n')
    return lines.flatMap((line, index) => {
      const [, first] = /^\s*(?:\/\/|\/?\*+) ?(?:.*\S )?DEVIATION: (.*)$/.exec(line) ?? []
      if (first === undefined) return []
      const words = [first.replace(/\s*\*\/$/, '')]
      for (const next of first.includes('*/') ? [] : lines.slice(index + 1)) {
        const [, more] = /^\s*(?:\/\/|\*(?!\/)) ?(.*?)(?:\s*\*\/)?$/.exec(next) ?? []
        if (more === undefined || more === '' || more.startsWith('@')) break
        words.push(more)
        if (next.includes('*/')) break
      }
      return [{ file, text: words.join(' ').trim() }]
    })
  })
}

/** The generated part of docs/specifications.md. */
export function specificationPage(list: readonly Declared[], left: readonly Deviation[]): string {
  const rows = list.map((one) => `| ${[
    `[${nameOf(one)}](${linkOf(one)})`, one.title, one.version ?? '', one.status, one.since,
    one.files.map((file) => `\`${file}\``).join(', '), one.note ?? '',
  ].join(' | ')} |`.replaceAll('|  |', '| |'))
  return [
    '| Specification | Title | Version | Status | Since | Where | Note |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
    '## Deviations',
    '',
    'Where the code leaves the text of a specification it says `DEVIATION:` at that place.',
    '',
    ...left.map(({ file, text }) => `- \`${file}\`: ${text}`),
  ].join('\n')
}

/** docs/doap.xml, as XEP-0453 has it. */
export function doap(list: readonly Declared[], { description }: { readonly description: string }): string {
  return [
    `<?xml version='1.0' encoding='UTF-8'?>`,
    '<!-- Generated from the code, like docs/specifications.md; docs/HACKING.md says how. -->',
    `<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'`,
    `         xmlns='http://usefulinc.com/ns/doap#'`,
    `         xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>`,
    '  <Project>',
    '    <name>sotto</name>',
    `    <shortdesc xml:lang='en'>${escaped(description)}</shortdesc>`,
    `    <license rdf:resource='https://spdx.org/licenses/AGPL-3.0-or-later'/>`,
    '    <programming-language>TypeScript</programming-language>',
    '    <os>Linux</os>',
    `    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>`,
    ...list.map((one) => one.rfc === undefined ? supportedXep(one) : `    <implements rdf:resource='${linkOf(one)}'/>`),
    '  </Project>',
    '</rdf:RDF>',
    '',
  ].join('\n')
}

function supportedXep(one: Declared): string {
  return [
    '    <implements>',
    '      <xmpp:SupportedXep>',
    `        <xmpp:xep rdf:resource='${linkOf(one)}'/>`,
    // XEP-0453 §4.2 has no word for what is begun.
    `        <xmpp:status>${one.status === 'sketch' ? 'planned' : one.status}</xmpp:status>`,
    ...(one.version === undefined ? [] : [`        <xmpp:version>${one.version}</xmpp:version>`]),
    `        <xmpp:since>${one.since}</xmpp:since>`,
    ...(one.note === undefined ? [] : [`        <xmpp:note xml:lang='en'>${escaped(one.note)}</xmpp:note>`]),
    '      </xmpp:SupportedXep>',
    '    </implements>',
  ].join('\n')
}

function linkOf({ rfc, xep }: Implementation): string {
  if (xep !== undefined) return `https://xmpp.org/extensions/xep-${String(xep).padStart(4, '0')}.html`
  return rfc === 6120 || rfc === 6121 ? `https://xmpp.org/rfcs/rfc${rfc}.html` : `https://www.rfc-editor.org/rfc/rfc${rfc}.html`
}

function order({ rfc, xep }: Implementation): number {
  return rfc ?? 1_000_000 + (xep ?? 0)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
