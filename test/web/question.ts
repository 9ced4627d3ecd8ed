import { KINDS } from '../../src/registration/question.ts'

/** Answers what the server asks in words, as whoever knows its lists can. */
export function answerOf(question: string): string {
  const words = (question.split(': ').at(-1) ?? '').replace(/\.$/, '').split(', ')
  const [, letter = ''] = /the (\w+) letter of/.exec(question) ?? []
  if (letter !== '') return words.map((word) => word.at(placeOf(letter)) ?? '').join('')
  const [, ofKind] = KINDS.find(([kind]) => question.includes(`names of ${kind}`)) ?? []
  if (ofKind === undefined) throw new Error(`nobody can answer: ${question}`)
  const found = words.filter((word) => ofKind.includes(word))
  const [, further] = /after it the (\w+) word/.exec(question) ?? []
  return further === undefined ? found.join(' ') : `${[...found.join('')].reverse().join('')} ${words.at(placeOf(further)) ?? ''}`
}

function placeOf(ordinal: string): number {
  return { first: 0, second: 1, third: 2, fifth: 4, last: -1 }[ordinal] ?? Number.NaN
}
