import { z } from 'zod'

type Units = Readonly<Record<string, number>>
const TIMES: Units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const SIZES: Units = { B: 1, kB: 1024, MB: 1024 * 1024 }

/** Milliseconds; a timer of Node ends at 2^31, and one that is set for longer ends at once. */
const LONGEST_TIME = 24 * 86_400_000

/** A time with its unit, as text: "500ms", "30s", "5m". Parsed to milliseconds. */
export const duration = (standard: string) =>
  quantity(standard, TIMES, 'a time with its unit ("500ms", "30s", "5m", "1h", "7d")', 1, LONGEST_TIME)

/** A number of bytes with its unit, as text: "8kB", "1MB". Parsed to bytes; kB are 1024 bytes. */
export const size = (standard: string, least = '1B') =>
  quantity(standard, SIZES, `a size with its unit ("512B", "8kB"), ${least} or more`, valueOf(least, SIZES), 2 ** 40)

function quantity(standard: string, units: Units, form: string, least: number, most: number) {
  return z.string().default(standard).transform((text, context) => {
    const value = valueOf(text, units)
    if (value >= least && value <= most) return value
    const message = Number.isNaN(value) ? 'without a number or unit' : value < least ? 'too little' : 'too much'
    context.addIssue({ code: 'custom', message, params: { form } })
    return z.NEVER
  })
}

function valueOf(text: string, units: Units): number {
  const [, number = '', unit = ''] = /^(\d{1,9})([a-zA-Z]{1,2})$/.exec(text) ?? []
  return Number(number) * ((Object.hasOwn(units, unit) ? units[unit] : undefined) ?? Number.NaN)
}
