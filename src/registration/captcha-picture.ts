import { randomInt } from 'node:crypto'
import { png } from './png.ts'
import { SIGNS, type Point, type Stroke } from './signs.ts'

const WIDTH = 310
const HEIGHT = 100
const LENGTH = 5
/** It takes more room than the others, or it cannot be read. */
const WIDE = 'M'

/** How a stroke is drawn: the width of the pen in points, and its shade, 0 black to 255 white. */
interface Pen {
  readonly width: number
  readonly shade: number
}

/**
 * A picture of signs that a person reads, and what they are. They stand askew, run into each other, bend in waves, and turn
 * from black on white to white on black within a sign. That keeps out programs that read print; whoever trains one for
 * these pictures is slowed down by the rates alone.
 */
export function drawn(): { readonly text: string, readonly png: Buffer } {
  const text = chosen()
  const paper = new Paper(WIDTH, HEIGHT)
  const bend = wave()
  const width = between(5, 6)
  let left = between(20, 26)
  for (const sign of text) {
    const box = { width: between(29, 34) * (sign === WIDE ? 1.25 : 1), height: between(50, 60) }
    const top = HEIGHT / 2 - box.height / 2 + between(-8, 8)
    const strokes = placed(SIGNS[sign] ?? [], { ...box, left, top })
    paper.draw(strokes.map((stroke) => stroke.map(bend)), { width: width + between(-0.6, 0.6), shade: 0 })
    left += box.width + between(14, 19)
  }
  for (let number = 0; number < 2; number++) paper.draw([across().map(bend)], { width: between(1.4, 2), shade: 0 })
  for (let number = 0; number < 3; number++) {
    paper.turn([WIDTH * (number + between(0.2, 0.8)) / 3, HEIGHT * between(0.2, 0.8)], between(30, 52), between(24, 40))
  }
  paper.soften()
  for (let number = 0; number < 30; number++) paper.draw([speck()], { width: between(1, 2), shade: between(90, 190) })
  return { text, png: png(paper) }
}

/** No sign stands beside its like: where they run into each other nobody could count them. */
function chosen(): string {
  let text = ''
  while (text.length < LENGTH) {
    const others = Object.keys(SIGNS).filter((sign) => sign !== text.at(-1))
    text += others[randomInt(others.length)] ?? ''
  }
  return text
}

class Paper {
  readonly width: number
  readonly height: number
  readonly points: Uint8Array

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.points = new Uint8Array(width * height).fill(255)
  }

  draw(strokes: readonly Stroke[], pen: Pen): void {
    for (const stroke of strokes) {
      for (let index = 1; index < stroke.length; index++) this.#line(stroke[index - 1] ?? ORIGIN, stroke[index] ?? ORIGIN, pen)
    }
  }

  /** Turns light and dark into each other inside of an ellipse. */
  turn([x, y]: Point, width: number, height: number): void {
    for (let row = 0; row < this.height; row++) {
      for (let column = 0; column < this.width; column++) {
        if (((column - x) / width) ** 2 + ((row - y) / height) ** 2 > 1) continue
        const at = row * this.width + column
        this.points[at] = 255 - (this.points[at] ?? 0)
      }
    }
  }

  /** Neither quite black nor quite white, as that hurts on a dark page. */
  soften(): void {
    for (let at = 0; at < this.points.length; at++) this.points[at] = 48 + (this.points[at] ?? 0) * 190 / 255
  }

  /** With round ends; a point is as dark as the pen covers it. */
  #line([x1, y1]: Point, [x2, y2]: Point, { width, shade }: Pen): void {
    const reach = width / 2 + 1
    const [dx, dy] = [x2 - x1, y2 - y1]
    const square = dx * dx + dy * dy
    const [left, right] = [Math.max(0, Math.floor(Math.min(x1, x2) - reach)), Math.min(this.width - 1, Math.ceil(Math.max(x1, x2) + reach))]
    const [top, bottom] = [Math.max(0, Math.floor(Math.min(y1, y2) - reach)), Math.min(this.height - 1, Math.ceil(Math.max(y1, y2) + reach))]
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const along = square === 0 ? 0 : Math.max(0, Math.min(1, ((x - x1) * dx + (y - y1) * dy) / square))
        const [across, down] = [x - x1 - along * dx, y - y1 - along * dy]
        const distance = Math.sqrt(across * across + down * down) // Math.hypot takes ten times as long
        const cover = Math.max(0, Math.min(1, width / 2 + 0.5 - distance))
        if (cover === 0) continue
        const at = y * this.width + x
        const before = this.points[at] ?? 255
        const after = Math.round(before + (shade - before) * cover)
        this.points[at] = Math.min(before, after) // what is dark already stays so
      }
    }
  }
}

const ORIGIN: Point = [0, 0]

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** The sign in its box, turned and slanted, in short lines that can be bent. */
function placed(strokes: readonly Stroke[], { left, top, width, height }: Box): Stroke[] {
  const turn = between(-0.14, 0.14)
  const slant = between(-0.14, 0.14)
  return strokes.map((stroke) => fine(stroke).map(([x, y]): Point => {
    const [across, down] = [(x - 0.5) * width - (y - 0.5) * slant * height, (y - 0.5) * height]
    return [
      left + width / 2 + across * Math.cos(turn) - down * Math.sin(turn),
      top + height / 2 + across * Math.sin(turn) + down * Math.cos(turn),
    ]
  }))
}

function fine(stroke: Stroke): Stroke {
  const points = stroke.flatMap((point, index): Point[] => {
    const [x, y] = stroke[index - 1] ?? point
    return [0.2, 0.4, 0.6, 0.8, 1].map((part): Point => [x + (point[0] - x) * part, y + (point[1] - y) * part])
  })
  return points.slice(4)
}

/** Two waves that bend everything on the paper. */
function wave(): (point: Point) => Point {
  const [down, along] = [between(3, 6), between(1.5, 3.5)]
  const [long, short] = [between(60, 110), between(30, 50)]
  const [first, second] = [between(0, 7), between(0, 7)]
  return ([x, y]) => [x + along * Math.sin(y / short * Math.PI * 2 + first), y + down * Math.sin(x / long * Math.PI * 2 + second)]
}

/** From one side to the other, through the signs. */
function across(): Stroke {
  const [start, middle, end] = [between(25, 75), between(10, 90), between(25, 75)]
  return Array.from({ length: 31 }, (_, step): Point => {
    const part = step / 30
    return [part * (WIDTH - 16) + 8, start * (1 - part) ** 2 + 2 * middle * part * (1 - part) + end * part ** 2]
  })
}

function speck(): Stroke {
  const [x, y] = [between(4, WIDTH - 4), between(4, HEIGHT - 4)]
  return [[x, y], [x + between(-7, 7), y + between(-7, 7)]]
}

function between(least: number, most: number): number {
  return least + (most - least) * randomInt(2 ** 24) / 2 ** 24
}
