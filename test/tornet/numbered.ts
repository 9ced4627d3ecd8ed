import { bodyOf } from '../otr/vectors.ts'

/** A genuine message of OTR version 2. */
const GENUINE = bodyOf('edge-frag2-single').slice('?OTR,1,1,'.length, -1)
/** Version and type; flags and two key ids. */
const BEFORE_KEY = 3 + 1 + 4 + 4

/** A body that the policy lets pass, with the number where OTR counts messages (version 2, "Data Message": ctr). */
export function numberedBody(number: number): string {
  const bytes = bytesOf(GENUINE)
  bytes.writeUInt32BE(number, counterAt(bytes))
  return `?OTR:${bytes.toString('base64')}.`
}

/** The number of such a body. */
export function numberIn(body: string): number {
  const bytes = bytesOf(body)
  return bytes.readUInt32BE(counterAt(bytes))
}

function bytesOf(body: string): Buffer {
  return Buffer.from(body.slice('?OTR:'.length, -1), 'base64')
}

/** After the next key, which carries its own length. */
function counterAt(bytes: Buffer): number {
  return BEFORE_KEY + 4 + bytes.readUInt32BE(BEFORE_KEY)
}
