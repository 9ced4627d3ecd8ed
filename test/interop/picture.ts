import { crc32, deflateSync } from 'node:zlib'

/** Words of the XWD header, each of 4 bytes, big-endian (X11/XWDFile.h). */
const XWD = { headerSize: 0, width: 4, height: 5, bytesPerLine: 12, colors: 19 } as const
const XWD_COLOR_BYTES = 12
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')
const EIGHT_BITS_OF_RGB = Buffer.from([8, 2, 0, 0, 0])

/** A PNG of the screen that Xvfb keeps as an XWD file (`-fbdir`), at 24 bits a pixel on a little-endian machine. */
export function pngOf(xwd: Buffer): Buffer {
  const word = (index: number) => xwd.readUInt32BE(4 * index)
  const [width, height, stride] = [word(XWD.width), word(XWD.height), word(XWD.bytesPerLine)]
  const pixels = xwd.subarray(word(XWD.headerSize) + XWD_COLOR_BYTES * word(XWD.colors))
  const rows = Buffer.alloc(height * (1 + 3 * width)) // each row opens with its filter: 0 is none
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const from = y * stride + 4 * x
      const onto = y * (1 + 3 * width) + 1 + 3 * x
      for (const [place, color] of [2, 1, 0].entries()) rows[onto + place] = pixels[from + color] ?? 0 // BGRX to RGB
    }
  }
  const size = Buffer.alloc(8)
  size.writeUInt32BE(width)
  size.writeUInt32BE(height, 4)
  return Buffer.concat([
    PNG_SIGNATURE,
    chunk('IHDR', Buffer.concat([size, EIGHT_BITS_OF_RGB])),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), content])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(content.length)
  frame.writeUInt32BE(crc32(named), 4)
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)])
}
