import { randomInt } from 'node:crypto'
import { png } from './png.ts'

/** A picture of signs to be read by a person, and what they are. */
export function drawn(): { readonly text: string, readonly png: Buffer } {
  const text = Array.from({ length: 5 }, () => 'abc'[randomInt(3)]).join('')
  return { text, png: png({ width: 8, height: 8, points: new Uint8Array(64) }) }
}
