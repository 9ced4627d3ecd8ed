import { readFileSync } from 'node:fs'

/** A body with its verdict: test/otr/vectors/public.jsonl. */
export interface BodyVector {
  readonly name: string
  readonly body: string
  readonly valid: boolean
  readonly kind: string
  readonly version?: number
  readonly canonical?: string
  readonly reason?: string
}

/** Fragments of one conversation in their order: test/otr/vectors/public-seq.jsonl. */
export interface SequenceVector {
  readonly name: string
  readonly bodies: readonly string[]
  readonly expect: readonly ('hold' | 'release' | 'drop')[]
}

export const bodyVectors: readonly BodyVector[] = readVectors('public.jsonl')
export const sequenceVectors: readonly SequenceVector[] = readVectors('public-seq.jsonl')

/** The body of the vector with that name. */
export function bodyOf(name: string): string {
  const vector = bodyVectors.find((each) => each.name === name)
  if (vector === undefined) throw new Error(`no vector is called ${name}`)
  return vector.body
}

/** The lines of a file in test/otr/vectors. */
export function readVectors<Vector>(name: string): Vector[] {
  const text = readFileSync(new URL(`../../../test/otr/vectors/${name}`, import.meta.url), 'utf8')
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Vector) // our own file
}
