import { mutantsOf, type Mutant } from './mutant.ts'
import { sourceOf } from './workbench.ts'

const FILE = 'src/policy/message-children.ts'
const [, CONTENT = ''] = /^const CONTENT\b[^]*?new Set\(\[([^]*?)\]\)/m.exec(sourceOf(FILE)) ?? []

/** Who sends such content alone learns that it was not sent: one mutant for each namespace that the policy lists. */
export const CONTENT_MUTANTS: readonly Mutant[] = mutantsOf(FILE, ['test/policy/require-otr.test.ts'],
  ...[...CONTENT.matchAll(/'([^']+)'/g)].map(([quoted, namespace = '']) => [`refused alone: ${namespace}`, quoted, "''"] as const))
