import type { z } from 'zod'
import type { Complaint } from './config-error.ts'
import { configSchema, describeKey, type Config, type KeyDescription } from './schema.ts'

/**
 * Judges each value of a parsed file by itself: unknown keys, wrong types, values out of range.
 *
 * A wrong value is left out and the default (or a stand-in where there is none) taken for it, so that the rest can
 * still be checked as a whole. `config` is undefined only where even that makes no configuration.
 */
export function shape(input: unknown): Shape {
  const judged = configSchema.safeParse(input)
  if (judged.success) return { config: judged.data, complaints: [] }
  const complaints = judged.error.issues.flatMap((issue) => complaintsOf(issue, input))
  const rest = structuredClone(input)
  for (const issue of judged.error.issues) leaveOut(rest, issue)
  return { config: configSchema.safeParse(rest).data, complaints }
}

export interface Shape {
  readonly config: Config | undefined
  readonly complaints: readonly Complaint[]
}

type Issue = z.core.$ZodIssue
type Path = readonly PropertyKey[]

function complaintsOf(issue: Issue, input: unknown): Complaint[] {
  const description = describeKey(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((unknown) => ({
      key: dotted([...issue.path, unknown]),
      problem: 'there is no such key',
      remedy: nearest(unknown, description),
    }))
  }
  const value = valueAt(input, issue.path)
  const standard = byDefault(description)
  const complaint = (problem: string, form: string): Complaint[] => (
    [{ key: dotted(issue.path), problem, remedy: `Write ${form}${standard}` }])
  if (value === undefined) return complaint('this key is missing', kindOf(description))
  switch (issue.code) {
    case 'invalid_type':
      return complaint('a value of the wrong type', kindOf(description))
    case 'invalid_value':
      return complaint(`${JSON.stringify(value)} is none of its values`, kindOf(description))
    case 'too_small':
      return complaint(`${amount(value)} is too little`, `at least ${issue.minimum}`)
    case 'too_big':
      return complaint(`${amount(value)} is too much`, `at most ${issue.maximum}`)
    case 'custom':
      return complaint(`${JSON.stringify(value)} is ${issue.message}`, String(issue.params?.['form']))
    default:
      return complaint(issue.message, kindOf(description))
  }
}

/** ['listeners', 0, 'port'] is 'listeners[0].port'. */
function dotted(path: Path): string {
  return path.reduce<string>((text, part) =>
    typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`, '')
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input
  for (const part of path) value = typeof value === 'object' && value !== null ? Reflect.get(value, part) : undefined
  return value
}

/** For keys that have no default; each is valid by itself and clashes with nothing. */
function standIn(path: Path): unknown {
  switch (path.at(-1)) {
    case 'name': return `unnamed-${String(path.at(-2))}.invalid`
    case 'kind': return path[0] === 'listeners' ? 'c2s' : undefined
    case 'port': return 0
    default: return undefined
  }
}

function leaveOut(input: unknown, issue: Issue): void {
  if (issue.code === 'unrecognized_keys') {
    const table = valueAt(input, issue.path)
    if (typeof table === 'object' && table !== null) for (const key of issue.keys) Reflect.deleteProperty(table, key)
    return
  }
  // An item of a list cannot be left out without renumbering the others: the whole list goes.
  const end = issue.path.findLastIndex((part) => typeof part === 'string')
  const path = issue.path.slice(0, end + 1)
  const table = valueAt(input, path.slice(0, -1))
  const key = path.at(-1)
  if (typeof table !== 'object' || table === null || key === undefined) return
  const substitute = standIn(path)
  if (substitute === undefined) Reflect.deleteProperty(table, key)
  else Reflect.set(table, key, substitute)
}

function nearest(unknown: string, description: KeyDescription | undefined): string {
  const known = Object.keys(description?.keys ?? {})
  const [best] = known.map((key) => ({ key, far: distance(unknown, key) })).sort((one, other) => one.far - other.far)
  return best !== undefined && best.far <= Math.max(2, unknown.length / 3)
    ? `Did you mean "${best.key}"? If not, remove it`
    : `Remove it; the keys here are ${known.join(', ')}`
}

/** Of Levenshtein: how many letters must be added, removed or changed. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1]
    for (let j = 1; j <= other.length; j++) {
      const changed = (row[j - 1] ?? 0) + (letter === other[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed))
    }
    row = next
  }
  return row[other.length] ?? 0
}

function kindOf(description: KeyDescription | undefined): string {
  if (description?.values !== undefined) {
    return `one of ${description.values.map((value) => JSON.stringify(value)).join(', ')}`
  }
  switch (description?.type) {
    case 'boolean': return 'true or false'
    case 'integer': return 'a whole number'
    case 'array': return 'a list'
    case 'object': return 'a table'
    default: return 'text in quotes'
  }
}

function byDefault(description: KeyDescription | undefined): string {
  return description?.standard === undefined || typeof description.standard === 'object'
    ? ''
    : `; the default is ${JSON.stringify(description.standard)}`
}

function amount(value: unknown): string {
  return Array.isArray(value) ? `a list of ${value.length}` : String(value)
}
