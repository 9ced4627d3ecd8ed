import { isUtf8 } from 'node:buffer'

/** RFC 5802 §7: client-first-message. */
export interface ClientFirst {
  /** 'n': the client knows no channel binding; 'y': it believes the server does not; 'p': it is used. */
  readonly flag: 'n' | 'y' | 'p'
  /** The type, with 'p' alone. */
  readonly binding: string | undefined
  readonly authzid: string | undefined
  /** gs2-header, with its last comma. */
  readonly header: string
  /** client-first-message-bare, as it was sent. */
  readonly bare: string
  readonly username: string
  readonly nonce: string
}

/** RFC 5802 §7: client-final-message. */
export interface ClientFinal {
  /** Still in base64. */
  readonly channelBinding: string
  readonly nonce: string
  /** client-final-message-without-proof, as it was sent. */
  readonly withoutProof: string
  readonly proof: Buffer
}

/**
 * Undefined where it is malformed, or asks for a mandatory extension ("m="): none is known (§5.1). A nonce of any
 * length passes: ours alone is what protects the server, and old clients send short ones.
 */
export function parseClientFirst(bytes: Buffer): ClientFirst | undefined {
  const match = CLIENT_FIRST.exec(textOf(bytes) ?? '')?.groups
  if (match === undefined) return undefined
  const { header = '', flag = '', binding, authzid, bare = '', username = '', nonce = '' } = match
  const [name, authorized] = [unescaped(username), authzid === undefined ? undefined : unescaped(authzid)]
  if (name === undefined || (authzid !== undefined && authorized === undefined)) return undefined
  return {
    flag: flag === 'n' || flag === 'y' ? flag : 'p', binding, authzid: authorized, header, bare, username: name, nonce,
  }
}

export function parseClientFinal(bytes: Buffer): ClientFinal | undefined {
  const match = CLIENT_FINAL.exec(textOf(bytes) ?? '')?.groups
  if (match === undefined) return undefined
  const { withoutProof = '', channelBinding = '', nonce = '', proof = '' } = match
  return { withoutProof, channelBinding, nonce, proof: Buffer.from(proof, 'base64') }
}

// No NUL is in any value, and no comma; what follows is said by the name of each group. Both are linear: each part
// ends at its comma.
const EXTENSIONS = String.raw`(?:,[A-Za-z]=[^,\0]+)*`
const NONCE = String.raw`[\x21-\x2b\x2d-\x7e]+`

const CLIENT_FIRST = new RegExp(
  String.raw`^(?<header>(?<flag>n|y|p=(?<binding>[A-Za-z0-9.-]+)),(?:a=(?<authzid>[^,\0]+))?,)`
  + String.raw`(?<bare>n=(?<username>[^,\0]+),r=(?<nonce>${NONCE})${EXTENSIONS})$`)

const CLIENT_FINAL = new RegExp(
  String.raw`^(?<withoutProof>c=(?<channelBinding>[A-Za-z0-9+/=]+),r=(?<nonce>${NONCE})${EXTENSIONS})`
  + String.raw`,p=(?<proof>[A-Za-z0-9+/]+={0,2})$`)

function textOf(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

/** saslname: "=2C" is a comma, "=3D" an equals sign; with any other "=" "the server MUST fail" (RFC 5802 §5.1). */
function unescaped(saslname: string): string | undefined {
  if (/=(?!2C|3D)/i.test(saslname)) return undefined
  return saslname.replace(/=(2C|3D)/gi, (_, code: string) => code === '3D' || code === '3d' ? '=' : ',')
}
