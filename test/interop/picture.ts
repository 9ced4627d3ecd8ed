import { crc32, deflateSync } from 'node:zlib'

/** Words of the XWD header, each of 4 bytes, big-endian (X11/XWDFile.h). */
const XWD = { headerSize: 0, width: 4, height: 5, bytesPerLine: 12, colors: 19 } as const
const XWD_COLOR_BYTES = 12
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const EIGHT_BITS_OF_RGB = Buffer.from([8, 2, 0, 0, 0])

/** Red, green and blue, each up to 255. */
export type Color = readonly [number, number, number]

/** x, y, width and height, in pixels. */
export type Box = readonly [number, number, number, number]

/** What a screen shows, as pixels. */
export class Picture {
  readonly #width: number
  readonly #height: number
  readonly #at: (x: number, y: number) => Color

  private constructor(width: number, height: number, at: (x: number, y: number) => Color) {
    this.#width = width
    this.#height = height
    this.#at = at
  }

  /** The screen that Xvfb keeps as an XWD file (`-fbdir`), at 24 bits a pixel on a little-endian machine. */
  static ofScreen(xwd: Buffer): Picture {
    const word = (index: number) => xwd.readUInt32BE(4 * index)
    const stride = word(XWD.bytesPerLine)
    const pixels = xwd.subarray(word(XWD.headerSize) + XWD_COLOR_BYTES * word(XWD.colors))
    return new Picture(word(XWD.width), word(XWD.height), (x, y) => {
      const blue = y * stride + 4 * x // BGRX
      return [pixels[blue + 2] ?? 0, pixels[blue + 1] ?? 0, pixels[blue] ?? 0]
    })
  }

  /** A square of one color. */
  static plain(size: number, color: Color): Picture {
    return new Picture(size, size, () => color)
  }

  /** How many pixels in the box have exactly this color. */
  count(color: Color, [left, top, width, height]: Box): number {
    let found = 0
    for (let y = Math.max(top, 0); y < Math.min(top + height, this.#height); y += 1) {
      for (let x = Math.max(left, 0); x < Math.min(left + width, this.#width); x += 1) {
        if (this.#at(x, y).every((part, place) => part === color[place])) found += 1
      }
    }
    return found
  }

  png(): Buffer {
    const rows = Buffer.alloc(this.#height * (1 + 3 * this.#width)) // each row opens with its filter: 0 is none
    for (let y = 0; y < this.#height; y += 1) {
      for (let x = 0; x < this.#width; x += 1) rows.set(this.#at(x, y), y * (1 + 3 * this.#width) + 1 + 3 * x)
    }
    const size = Buffer.alloc(8)
    size.writeUInt32BE(this.#width)
    size.writeUInt32BE(this.#height, 4)
    return Buffer.concat([
      PNG_SIGNATURE,
      chunk('IHDR', Buffer.concat([size, EIGHT_BITS_OF_RGB])),
      chunk('IDAT', deflateSync(rows)),
      chunk('IEND', Buffer.alloc(0)),
    ])
  }
}

function chunk(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), content])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(content.length)
  frame.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)])
}
