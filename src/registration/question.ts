import { randomInt } from 'node:crypto'

/** What is asked, in words, and all that answers it. */
export interface Question {
  readonly text: string
  readonly answers: readonly string[]
}

/**
 * A question that a person answers by reading it, or by hearing it read: for those who cannot see the picture. There are too
 * many to collect them, and few answers are guessed. A program that was written for these very questions answers
 * them all; against that there are the rates.
 */
export function asked(): Question {
  return pick(FORMS)()
}

const FORMS: readonly (() => Question)[] = [letters, members, backwards]

/** "Write the second letter of each of these words." */
function letters(): Question {
  const [ordinal, at] = pick([['first', 0], ['second', 1], ['third', 2], ['last', -1]] as const)
  const words = several(ALL, 5)
  const task = pick([`Write the ${ordinal} letter of each of these words, one after the other`, `Take the ${ordinal} letter of each of these words, and write what they make together`])
  return { text: `${task}: ${listed(words)}.`, answers: [words.map((word) => word.at(at) ?? '').join('')] }
}

/** "Three of these words are names of animals." In their order or against it. */
function members(): Question {
  const [kind, of] = pick(KINDS)
  const right = several(of, 3)
  const words = several([...right, ...several(ALL.filter((word) => !of.includes(word)), 6)], 9)
  const found = words.filter((word) => right.includes(word))
  const task = pick([`Three of these words are names of ${kind}. Write them down`, `Find the names of ${kind} among these words, and write all three`])
  return { text: `${task}: ${listed(words)}.`, answers: [found.join(' '), [...found].reverse().join(' '), found.join(' and ')] }
}

/** "Write the word for an animal backwards, and then the last word." */
function backwards(): Question {
  const [kind, of] = pick(KINDS)
  const [right = ''] = several(of, 1)
  const others = several(ALL.filter((word) => !of.includes(word)), 5)
  const words = several([right, ...others], 6)
  const [ordinal, at] = pick([['first', 0], ['third', 2], ['fifth', 4], ['last', 5]] as const)
  const turned = [...right].reverse().join('')
  return {
    text: `One of these words is among the names of ${kind}. Write it backwards, letter by letter, and after it the ${ordinal} word as it is: ${listed(words)}.`,
    answers: [`${turned} ${words[at] ?? ''}`],
  }
}

/** Words that everybody knows, of five letters or about, each of one kind alone. */
export const KINDS: readonly (readonly [kind: string, words: readonly string[]])[] = [
  ['animals', ['otter', 'heron', 'rabbit', 'donkey', 'spider', 'lizard', 'beaver', 'monkey', 'tiger', 'horse', 'sheep', 'camel', 'snake', 'whale', 'eagle', 'mouse', 'zebra', 'goose']],
  ['fruit', ['apple', 'banana', 'cherry', 'grape', 'lemon', 'mango', 'melon', 'peach', 'papaya', 'apricot', 'quince', 'raspberry']],
  ['things to wear', ['shirt', 'glove', 'jacket', 'trousers', 'sweater', 'scarf', 'apron', 'sandal', 'pyjamas', 'blouse', 'mitten', 'bonnet']],
  ['furniture', ['table', 'chair', 'cupboard', 'wardrobe', 'bench', 'stool', 'bookcase', 'sofa', 'dresser', 'armchair', 'sideboard']],
  ['musical instruments', ['violin', 'flute', 'guitar', 'trumpet', 'piano', 'cello', 'clarinet', 'trombone', 'banjo', 'oboe', 'harmonica']],
  ['parts of the body', ['elbow', 'finger', 'shoulder', 'ankle', 'mouth', 'throat', 'stomach', 'eyebrow', 'thumb', 'wrist', 'tongue', 'forehead']],
  ['tools', ['hammer', 'shovel', 'pliers', 'chisel', 'screwdriver', 'scissors', 'spanner', 'hatchet', 'pickaxe', 'sickle', 'wrench']],
  ['kinds of weather', ['rain', 'thunder', 'sunshine', 'drizzle', 'blizzard', 'hailstorm', 'snowfall', 'lightning', 'breeze']],
  ['colors', ['yellow', 'green', 'purple', 'brown', 'white', 'black', 'scarlet', 'turquoise', 'crimson', 'beige']],
  ['parts of a house', ['window', 'chimney', 'cellar', 'kitchen', 'bathroom', 'attic', 'staircase', 'doorstep', 'balcony', 'bedroom', 'roof']],
]

const ALL: readonly string[] = KINDS.flatMap(([, words]) => words)

function pick<T>(list: readonly [T, ...T[]] | readonly T[]): T {
  return list[randomInt(list.length)] as T // no list here is empty
}

/** So many of them, each once, in any order. */
function several(list: readonly string[], count: number): string[] {
  const rest = [...list]
  return Array.from({ length: count }, () => rest.splice(randomInt(rest.length), 1)[0] ?? '')
}

function listed(words: readonly string[]): string {
  return words.join(', ')
}
