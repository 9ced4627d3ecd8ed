import { nameOf, type Declared } from './specifications.ts'

/** XEP-0479 (Compliance Suites 2023), version 0.1.0: what it wants of a server, and of an advanced one besides. */
const SUITES: readonly { readonly name: string, readonly server: readonly string[], readonly advanced: readonly string[] }[] = [
  { name: 'Core', server: ['RFC 6120', 'RFC 7590', 'XEP-0030', 'XEP-0114'], advanced: ['XEP-0368', 'XEP-0115', 'XEP-0163'] },
  { name: 'Web', server: ['RFC 7395', 'XEP-0206'], advanced: [] },
  {
    name: 'IM', server: ['RFC 6121', 'XEP-0054', 'XEP-0280', 'XEP-0045', 'XEP-0249', 'XEP-0363'],
    advanced: ['XEP-0398', 'XEP-0153', 'XEP-0191', 'XEP-0048', 'XEP-0313', 'XEP-0402', 'XEP-0410', 'XEP-0223', 'XEP-0049', 'XEP-0198'],
  },
  { name: 'Mobile', server: ['XEP-0198', 'XEP-0352'], advanced: ['XEP-0357'] },
  { name: 'A/V Calling', server: ['XEP-0215'], advanced: [] },
]

/** Why something is not there; a suite that wants anything else is to be met. */
const WITHHELD: ReadonlyMap<string, string> = new Map([
  ['XEP-0280', 'another client cannot read what OTR encrypted for one'],
  ['XEP-0045', 'OTR is between two'],
  ['XEP-0249', 'as XEP-0045'],
  ['XEP-0363', 'what is uploaded is not in OTR'],
  ['XEP-0313', 'nothing is kept'],
  ['XEP-0048', 'bookmarks are of rooms; kept for clients by XEP-0049'],
  ['XEP-0402', 'as XEP-0048'],
  ['XEP-0410', 'as XEP-0045'],
  ['XEP-0206', 'WebSocket alone'],
  ['XEP-0357', 'would tell others when a message comes'],
  ['XEP-0215', 'calls are not in OTR'],
])

/** The table of README.md. @throws Error where something is missing that nobody gave a reason for */
export function complianceTable(list: readonly Declared[]): string {
  const there = new Set(list.map(nameOf))
  const rows = SUITES.map(({ name, server, advanced }) => {
    const [missing, more] = [server, [...server, ...advanced]].map((wanted) => wanted.filter((one) => !there.has(one)))
    for (const one of more ?? []) if (!WITHHELD.has(one)) throw new Error(`${name}: ${one} is missing without a reason`)
    const reasons = (more ?? []).map((one) => `${one}: ${WITHHELD.get(one) ?? ''}`)
    return `| ${name} | ${missing?.length === 0 ? 'yes' : 'no'} | ${more?.length === 0 ? 'yes' : 'no'} | ${reasons.join('; ')} |`.replace('|  |', '| |')
  })
  return ['| Suite | Server | Advanced Server | what is withheld |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
