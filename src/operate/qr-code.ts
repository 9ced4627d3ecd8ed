import { toString } from 'qrcode'

/**
 * `text` as a QR code of half-block characters. On a terminal its colors are set, so that it is black on white
 * whatever the terminal's own colors are; elsewhere only the characters are written.
 */
export async function qrCode(text: string, { colors }: { readonly colors: boolean }): Promise<string> {
  return colors ? toString(text, { type: 'terminal', small: true }) : toString(text, { type: 'utf8' })
}
