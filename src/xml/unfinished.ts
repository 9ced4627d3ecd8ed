import { StartTagEnd } from './start-tag.ts'

/**
 * What an unfinished token waits for. `anything` is for beginnings so short that every further character is worth
 * another look.
 */
export type Awaited = 'anything' | '<' | '>' | ']]>' | 'end of start tag'

/**
 * A token of which only the beginning has arrived. It is kept in pieces and not looked at again before what it waits
 * for is there, so that a peer who sends byte by byte costs no more than one who does not.
 */
export class UnfinishedToken {
  #pieces: string[] = []
  #bytes = 0
  #awaited: Awaited = 'anything'
  #tagEnd = new StartTagEnd()
  /** The last two characters, for a `]]>` cut in two. */
  #last = ''

  get exists(): boolean {
    return this.#pieces.length > 0
  }

  get bytes(): number {
    return this.#bytes
  }

  get awaited(): Awaited {
    return this.#awaited
  }

  begin(piece: string, bytes: number, awaited: Awaited): void {
    this.#awaited = awaited
    if (awaited === 'end of start tag') {
      this.#tagEnd = new StartTagEnd()
      this.#tagEnd.isIn(piece.slice(1))
    }
    this.#last = ''
    this.#keep(piece, bytes)
  }

  /** Adds a piece. True where what was awaited is there now. @throws XmlError where it can never come */
  add(piece: string, bytes: number): boolean {
    const complete = this.#completes(piece)
    this.#keep(piece, bytes)
    return complete
  }

  /** All of it; nothing is unfinished afterwards. */
  take(): string {
    const text = this.#pieces.join('')
    this.#pieces = []
    this.#bytes = 0
    return text
  }

  #keep(piece: string, bytes: number): void {
    this.#pieces.push(piece)
    this.#bytes += bytes
    if (this.#awaited === ']]>') this.#last = (this.#last + piece.slice(-2)).slice(-2)
  }

  #completes(piece: string): boolean {
    switch (this.#awaited) {
      case 'anything': return true
      case 'end of start tag': return this.#tagEnd.isIn(piece)
      case ']]>': return (this.#last + piece).includes(']]>')
      default: return piece.includes(this.#awaited)
    }
  }
}
