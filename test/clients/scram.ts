import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

export type ScramHash = 'sha1' | 'sha256'

/** What the GS2 header says of channel binding (RFC 5802 §7), with the bytes for 'p=tls-exporter' (RFC 9266). */
export type ChannelBinding =
  | { readonly flag: 'n' | 'y' }
  | { readonly flag: 'p=tls-exporter', readonly bytes: Buffer }

/** The client's part of SCRAM (RFC 5802, RFC 7677), written for tests apart from the server's. */
export class ScramClient {
  readonly first: string
  readonly #hash: ScramHash
  readonly #password: string
  readonly #bare: string
  readonly #header: string
  readonly #binding: Buffer
  #serverSignature: Buffer | undefined

  /** `user` and `password` are taken as they are: tests that need SASLprep give prepared text. */
  constructor(
    hash: ScramHash,
    user: string,
    password: string,
    binding: ChannelBinding,
    nonce = randomBytes(18).toString('base64'),
  ) {
    this.#hash = hash
    this.#password = password
    this.#header = `${binding.flag},,`
    this.#binding = 'bytes' in binding ? binding.bytes : Buffer.alloc(0)
    this.#bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
    this.first = this.#header + this.#bare
  }

  /** @throws Error where the server's first message is none */
  final(serverFirst: string): string {
    const { r: nonce, s: salt, i: iterations } = fields(serverFirst)
    if (nonce === undefined || salt === undefined || iterations === undefined) {
      throw new Error(`no SCRAM challenge: ${serverFirst}`)
    }
    const length = this.#hash === 'sha1' ? 20 : 32
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, 'base64'), Number(iterations), length, this.#hash)
    const clientKey = this.#hmac(salted, 'Client Key')
    const withoutProof = `c=${Buffer.concat([Buffer.from(this.#header), this.#binding]).toString('base64')},r=${nonce}`
    const signed = `${this.#bare},${serverFirst},${withoutProof}`
    const signature = this.#hmac(createHash(this.#hash).update(clientKey).digest(), signed)
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), signed)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)))
    return `${withoutProof},p=${proof.toString('base64')}`
  }

  /** Whether the server proved that it knows the password's verifier, too. */
  accepts(serverFinal: string): boolean {
    const given = Buffer.from(fields(serverFinal)['v'] ?? '', 'base64')
    const wanted = this.#serverSignature
    return wanted !== undefined && given.length === wanted.length && timingSafeEqual(given, wanted)
  }

  #hmac(key: Buffer, message: string): Buffer {
    return createHmac(this.#hash, key).update(message).digest()
  }
}

function fields(message: string): Readonly<Record<string, string>> {
  return Object.fromEntries(message.split(',').map((pair) => [pair.slice(0, 1), pair.slice(2)]))
}
