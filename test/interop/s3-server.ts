import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { freePorts, Listening } from './listening.ts'

const STORES = ['account', 'container', 'object'] as const
const SECRET = 'wherefore-art-thou'

/** OpenStack Swift as Debian has it, on one disk, with its S3 interface: it checks signatures, and the digest of what is put. */
export class S3Server {
  /** What speaks S3; the other three keep. */
  readonly daemon: Listening
  readonly secretFile: string
  readonly otherSecretFile: string
  readonly bucket = 'verona'
  readonly accessKey = 'verona:romeo'
  readonly #stores: readonly Listening[]
  readonly #folder: string

  private constructor(daemon: Listening, stores: readonly Listening[], folder: string) {
    this.daemon = daemon
    this.#stores = stores
    this.#folder = folder
    this.secretFile = join(folder, 'secret')
    this.otherSecretFile = join(folder, 'other-secret')
    writeFileSync(this.secretFile, `${SECRET}\n`, { mode: 0o600 })
    writeFileSync(this.otherSecretFile, 'another\n', { mode: 0o600 })
  }

  /** The bucket is there. */
  static async start(folder: string): Promise<S3Server> {
    mkdirSync(join(folder, 'devices', 'disk'), { recursive: true })
    const [proxyPort = 0, ...ports] = await freePorts(1 + STORES.length)
    const stores = STORES.map((name, index) => storeIn(folder, name, ports[index] ?? 0))
    const file = join(folder, 'proxy.conf')
    writeFileSync(file, `${common(folder, proxyPort)}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_verona_romeo = ${SECRET} .admin
`)
    const server = new S3Server(new Listening(proxyPort, ['swift-proxy-server', file]), stores, folder)
    try {
      await Promise.all([server.daemon, ...stores].map((one) => one.start()))
      server.#s3cmd(['mb', `s3://${server.bucket}`])
    } catch (error) {
      await server.stop()
      throw error
    }
    return server
  }

  async stop(): Promise<void> {
    await Promise.all([this.daemon, ...this.#stores].map((one) => one.stop()))
  }

  /** A table of backup.copies. */
  get copy(): Readonly<Record<string, unknown>> {
    return { kind: 's3', endpoint: `http://127.0.0.1:${this.daemon.port}`, bucket: this.bucket, prefix: 'sotto/', access_key: this.accessKey, secret_key_file: this.secretFile }
  }

  list(prefix: string): readonly string[] {
    const at = `s3://${this.bucket}/${prefix}`
    return this.#s3cmd(['ls', at]).toString('utf8').split('\n').filter((line) => line.includes(at)).map((line) => line.slice(line.indexOf(at) + at.length)).sort()
  }

  get(key: string): Buffer {
    return this.#s3cmd(['get', '--no-progress', `s3://${this.bucket}/${key}`, '-'])
  }

  put(key: string, text: string): void {
    const file = join(this.#folder, 'put')
    writeFileSync(file, text)
    this.#s3cmd(['put', file, `s3://${this.bucket}/${key}`])
  }

  /** Asks it as a client of another make does. @throws Error where it says no */
  #s3cmd(words: readonly string[]): Buffer {
    const host = `127.0.0.1:${this.daemon.port}`
    return execFileSync('s3cmd', ['--config=/dev/null', '--no-ssl', `--access_key=${this.accessKey}`, `--secret_key=${SECRET}`, `--host=${host}`, `--host-bucket=${host}`, ...words],
      { maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'pipe'] })
  }
}

function storeIn(folder: string, name: string, port: number): Listening {
  const file = join(folder, `${name}.conf`)
  writeFileSync(file, `${common(folder, port)}
devices = ${join(folder, 'devices')}
mount_check = false
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`)
  const builder = join(folder, `${name}.builder`)
  for (const words of [['create', '1', '1', '0'], ['add', `r1z1-127.0.0.1:${port}/disk`, '1'], ['rebalance']]) {
    execFileSync('swift-ring-builder', [builder, ...words], { stdio: 'ignore' })
  }
  return new Listening(port, [`swift-${name}-server`, file])
}

function common(folder: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
swift_dir = ${folder}
workers = 0
user = ${userInfo().username}
recon_cache_path = ${folder}`
}
