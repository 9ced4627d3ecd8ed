import { randomInt } from 'node:crypto'

/** A question in words, and what answers it. */
export function asked(): { readonly text: string, readonly answers: readonly string[] } {
  const words = ['rose', 'balcony', 'orchard']
  const word = words[randomInt(words.length)] ?? ''
  return { text: `Write this word backwards: ${word}`, answers: [[...word].reverse().join('')] }
}
