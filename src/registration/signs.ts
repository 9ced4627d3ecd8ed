/** A point of a sign: 0 to 1 from left to right, 0 to 1 from top to bottom. */
export type Point = readonly [x: number, y: number]
export type Stroke = readonly Point[]

/**
 * The signs of the pictures, as strokes of a pen: drawn here, so that no font is needed. Those that people take for each
 * other (0 and O, 1 and I, 2 and Z, 5 and S, 8 and B, U and V, 4 and A) are left out,
 * and W, which beside M is a fence.
 */
export const SIGNS: Readonly<Record<string, readonly Stroke[]>> = {
  A: [[[0, 1], [0.5, 0], [1, 1]], [[0.19, 0.64], [0.81, 0.64]]],
  C: [arc(0.52, 0.5, 0.5, 0.5, 48, 312)],
  E: [[[0.92, 0], [0.06, 0], [0.06, 1], [0.94, 1]], [[0.06, 0.49], [0.78, 0.49]]],
  F: [[[0.95, 0], [0.08, 0], [0.08, 1]], [[0.08, 0.47], [0.8, 0.47]]],
  H: [[[0.04, 0], [0.04, 1]], [[0.96, 0], [0.96, 1]], [[0.04, 0.49], [0.96, 0.49]]],
  K: [[[0.06, 0], [0.06, 1]], [[0.94, 0], [0.08, 0.58]], [[0.36, 0.4], [0.98, 1]]],
  M: [[[0, 1], [0.08, 0], [0.5, 0.68], [0.92, 0], [1, 1]]],
  N: [[[0.05, 1], [0.05, 0], [0.95, 1], [0.95, 0]]],
  P: [[[0.08, 1], [0.08, 0], [0.55, 0], ...arc(0.58, 0.28, 0.36, 0.28, -90, 90), [0.08, 0.56]]],
  R: [[[0.08, 1], [0.08, 0], [0.55, 0], ...arc(0.58, 0.26, 0.34, 0.26, -90, 90), [0.08, 0.52]], [[0.5, 0.52], [0.96, 1]]],
  T: [[[0, 0], [1, 0]], [[0.5, 0], [0.5, 1]]],
  X: [[[0.04, 0], [0.96, 1]], [[0.96, 0], [0.04, 1]]],
  Y: [[[0.02, 0], [0.5, 0.5], [0.98, 0]], [[0.5, 0.5], [0.5, 1]]],
  3: [[...arc(0.46, 0.25, 0.38, 0.25, -150, 90), ...arc(0.44, 0.75, 0.44, 0.26, -90, 150)]],
  6: [[[0.8, 0.02], ...arc(0.62, 0.62, 0.56, 0.6, -115, -180), ...arc(0.5, 0.68, 0.42, 0.32, 180, -180)]],
  7: [[[0.04, 0], [0.96, 0], [0.38, 1]]],
  9: [[...arc(0.5, 0.32, 0.42, 0.32, 0, -360), ...arc(0.38, 0.38, 0.55, 0.6, 0, 65), [0.2, 0.98]]],
}

/** Part of an ellipse, from one angle to another in degrees: 0 is to the right, 90 is down. */
function arc(x: number, y: number, width: number, height: number, from: number, to: number): Stroke {
  const steps = Math.max(2, Math.ceil(Math.abs(to - from) / 15))
  return Array.from({ length: steps + 1 }, (_, step): Point => {
    const angle = (from + (to - from) * step / steps) * Math.PI / 180
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)]
  })
}
