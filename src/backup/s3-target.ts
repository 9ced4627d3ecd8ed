import aws4 from 'aws4'
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { request as requestHttp, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { connect as connectTls } from 'node:tls'
import { urlOf } from '../config/copies.ts'
import { CopyError, oursAmong, type CopyFile, type CopySession, type CopySource, type CopyTarget, type Watch } from './copy-target.ts'
import { unlessAborted, watched } from './watched.ts'
import type { Way } from './way.ts'

export interface S3Settings {
  readonly endpoint: string
  readonly region: string
  /** '' where the host's name holds it. */
  readonly bucket: string
  readonly prefix: string
  readonly access_key: string
  readonly secret_key_file: string
  readonly tor: boolean
}

/** What one PUT may hold; stores refuse more. */
const MOST_BYTES = 5 * 1024 ** 3
/** A page of a list, 1000 keys, has some 300 kB. */
const LONGEST_PAGE = 4 * 1024 * 1024
const MOST_PAGES = 100
const NOTHING = createHash('sha256').digest('hex')

/**
 * A bucket of a store that speaks S3. Requests are signed (AWS Signature Version 4) together with the SHA-256 of what is
 * put, so the store refuses what was changed on the way. An object is there as a whole or not at all.
 */
export class S3Target implements CopyTarget {
  readonly place: string
  readonly patienceMilliseconds = 120_000
  readonly #settings: S3Settings
  readonly #way: Way

  constructor(settings: S3Settings, way: Way) {
    this.#settings = settings
    this.#way = way
    const { endpoint, bucket, prefix, tor } = settings
    this.place = `s3 ${endpoint} ${bucket}/${prefix}${tor ? ' through Tor' : ''}`
  }

  async open(watch: Watch): Promise<CopySession> {
    const url = urlOf(this.#settings.endpoint)
    if (url === undefined) throw new CopyError('endpoint-invalid')
    const [secretAccessKey = ''] = readFileSync(this.#settings.secret_key_file, 'utf8').split(/\r?\n/)
    return new S3Session({ settings: this.#settings, place: this.place, url, secret: secretAccessKey.trim(), way: this.#way, watch })
  }
}

interface S3SessionParts {
  readonly settings: S3Settings
  readonly place: string
  readonly url: URL
  readonly secret: string
  readonly way: Way
  readonly watch: Watch
}

interface Question {
  readonly method: 'GET' | 'PUT' | 'DELETE'
  /** After the bucket. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly content?: CopySource
}

class S3Session implements CopySession {
  readonly #settings: S3Settings
  readonly #place: string
  readonly #url: URL
  readonly #secret: string
  readonly #way: Way
  readonly #watch: Watch

  constructor({ settings, place, url, secret, way, watch }: S3SessionParts) {
    this.#settings = settings
    this.#place = place
    this.#url = url
    this.#secret = secret
    this.#way = way
    this.#watch = watch
  }

  async list(): Promise<readonly CopyFile[]> {
    const { prefix } = this.#settings
    const files: CopyFile[] = []
    let token: string | undefined
    for (let page = 0; page < MOST_PAGES; page++) {
      const query = { 'list-type': '2', prefix: `${prefix}sotto-`, ...token === undefined ? {} : { 'continuation-token': token } }
      const text = await textOf(await this.#ask({ method: 'GET', query }), this.#watch)
      for (const [, item = ''] of text.matchAll(/<Contents>([^]*?)<\/Contents>/g)) {
        const [key, size] = [valueOf(item, 'Key'), valueOf(item, 'Size')]
        if (key?.startsWith(prefix) === true) files.push({ name: key.slice(prefix.length), bytes: size === undefined ? undefined : Number(size) })
      }
      token = valueOf(text, 'NextContinuationToken')
      if (token === undefined) return oursAmong(files)
    }
    throw new CopyError('too-many-files')
  }

  async put(content: CopySource, name: string): Promise<void> {
    if (content.bytes > MOST_BYTES) throw new CopyError('too-large-for-s3')
    await textOf(await this.#ask({ method: 'PUT', key: name, content }), this.#watch)
  }

  async* get(name: string): AsyncGenerator<Buffer> {
    yield* watched(await this.#ask({ method: 'GET', key: name }), this.#watch)
  }

  async remove(name: string): Promise<void> {
    await textOf(await this.#ask({ method: 'DELETE', key: name }), this.#watch)
  }

  /** Each request has had its own connection. */
  close(): void {}

  async #ask({ method, key, query = {}, content }: Question): Promise<IncomingMessage> {
    const { bucket, prefix, region, access_key: accessKeyId } = this.#settings
    const { signal, moved } = this.#watch
    const parameters = Object.entries(query).map((pair) => pair.map(encoded).join('=')).join('&')
    const path = `/${[...bucket === '' ? [] : [bucket], ...key === undefined ? [] : [`${prefix}${key}`]].join('/')}`
    const { headers = {} } = aws4.sign({
      service: 's3', region, method, host: this.#url.host, path: parameters === '' ? path : `${path}?${parameters}`,
      headers: {
        'X-Amz-Content-Sha256': content?.sha256 ?? NOTHING,
        ...method === 'PUT' ? { 'Content-Length': content?.bytes ?? 0 } : {},
      },
    }, { accessKeyId, secretAccessKey: this.#secret })
    const request = await this.#request(method, parameters === '' ? path : `${path}?${parameters}`, headers)
    const answer = new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.on('error', reject)
    })
    // A store may refuse before it has read all, and then cuts the connection: its answer says more than that.
    const sent = content === undefined ? request.end() : pipeline(watched(createReadStream(content.file), this.#watch), request)
    const response = await unlessAborted(signal, Promise.race([answer, Promise.resolve(sent).then(() => answer, () => answer)]))
    moved()
    const { statusCode = 0 } = response
    if (statusCode >= 200 && statusCode < 300) return response
    if (method === 'DELETE' && statusCode === 404) return response
    const code = valueOf(await textOf(response, this.#watch), 'Code') ?? ''
    throw new CopyError(/^[A-Za-z]{1,40}$/.test(code) ? `s3-${statusCode}-${code}` : `s3-${statusCode}`)
  }

  async #request(method: string, path: string, headers: OutgoingHttpHeaders): Promise<ClientRequest> {
    const { protocol, hostname, port } = this.#url
    const { signal } = this.#watch
    const isTls = protocol === 'https:'
    const host = hostname.replace(/^\[|\]$/g, '')
    const { tor } = this.#settings
    const socket = await this.#way.connect({ host, port: Number(port) || (isTls ? 443 : 80), tor, isolation: this.#place }, signal)
    signal.addEventListener('abort', () => socket.destroy(), { once: true })
    // No agent may be named, not even `false`: it would make a connection of its own, past Tor.
    const options = { method, path, headers, host: hostname, setHost: false } as const
    if (!isTls) return requestHttp({ ...options, createConnection: () => socket })
    return requestHttps({ ...options, createConnection: () => connectTls({ socket, host, servername: isIP(host) === 0 ? host : '' }) })
  }
}

async function textOf(response: IncomingMessage, watch: Watch): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of watched(response, watch)) {
    bytes += chunk.length
    if (bytes > LONGEST_PAGE) throw new CopyError('answer-too-long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What is asked for has no markup inside, and nothing of ours needs an entity; stores write quotes as one, in ETags. */
function valueOf(xml: string, element: string): string | undefined {
  return new RegExp(`<${element}>([^<]{0,2000})</${element}>`).exec(xml)?.[1]?.replaceAll('&amp;', '&')
}

/** As signatures want it: all but what RFC 3986 §2.3 reserves nothing of. */
function encoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
}
