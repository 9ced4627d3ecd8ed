import { toDataURL } from 'qrcode'
import { html, type Markup } from './markup.ts'

/**
 * `text` as a QR code: a PNG in the page itself, as Tor Browser shows no SVG at its safest level. On white whatever the
 * page's colors are, since some cameras read nothing else.
 */
export async function qrPicture(text: string, description: string): Promise<Markup> {
  const url = await toDataURL(text, { margin: 1, scale: 4, errorCorrectionLevel: 'L' })
  return html`<img class="qr" src="${url}" width="168" height="168" alt="${description}">`
}
