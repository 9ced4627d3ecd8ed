const NOTHING: Buffer = Buffer.alloc(0)

/**
 * Reads the fields of a binary message (OTR version 3, "Data types"), big-endian.
 *
 * A read past the end gives 0 or no bytes, and `overrun` is true from then on: whoever reads asks once, after the
 * last field.
 */
export class Reader {
  readonly #bytes: Buffer
  #position = 0
  #overrun = false

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get overrun(): boolean {
    return this.#overrun
  }

  /** Bytes after the fields read so far. */
  get remaining(): number {
    return this.#bytes.length - this.#position
  }

  byte(): number {
    const at = this.#advance(1)
    return at === undefined ? 0 : this.#bytes.readUInt8(at)
  }

  short(): number {
    const at = this.#advance(2)
    return at === undefined ? 0 : this.#bytes.readUInt16BE(at)
  }

  int(): number {
    const at = this.#advance(4)
    return at === undefined ? 0 : this.#bytes.readUInt32BE(at)
  }

  /** That many bytes: a view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.#advance(length)
    return at === undefined ? NOTHING : this.#bytes.subarray(at, at + length)
  }

  /** DATA or MPI: the length in four bytes, then the bytes themselves: a view, not a copy. */
  field(): Buffer {
    return this.bytes(this.int())
  }

  #advance(length: number): number | undefined {
    const at = this.#position
    if (this.#overrun || length > this.#bytes.length - at) {
      this.#overrun = true
      return undefined
    }
    this.#position = at + length
    return at
  }
}
