import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls'
import packet, { type Answer } from 'dns-packet'
import { loadOrCreateOnionKey } from '../../src/tor/onion-key.ts'
import { CLIENT_AUTH, dns, Issued, SERVER_AUTH, xmpp } from '../net/authority.ts'
import { answer } from '../net/dns-server.ts'
import { RawStream, Scenario } from './scenario.ts'
import { TorStandIn } from './tor-stand-in.ts'

export const PASSWORD = 'wherefore art thou'
/** In shape what passes: a query of OTR. */
export const QUERY = '?OTRv23?'
/** In the configuration; whoever asks it is led to it by `UnlinkedHouse.resolve`. */
export const RESOLVER = '192.0.2.53'

/** The listeners by their place in the configuration. */
export const LISTENERS = { clients: 0, servers: 1, serversTls: 2 } as const

/** A certificate and its key, as TLS takes them. */
export interface Pair {
  readonly cert: string
  readonly key: string
}

/**
 * One process that serves capulet.lit and montague.lit, and an onion that nobody may link to them. Tor has no network:
 * in its place is what writes down what it is asked for. verona.lit is another server, played by the test.
 */
export class UnlinkedHouse {
  readonly scenario: Scenario
  readonly onion: string
  readonly tor: TorStandIn
  /** Of verona.lit, from an authority that our server believes. */
  readonly verona: Pair
  readonly #folder: string

  private constructor(scenario: Scenario, tor: TorStandIn, verona: Pair, folder: string) {
    this.scenario = scenario
    this.onion = loadOrCreateOnionKey(join(scenario.folder, 'data', 'onion', 'onion')).address
    this.tor = tor
    this.verona = verona
    this.#folder = folder
  }

  /** `directResolver` is the port on loopback of who is asked for montague.lit; `s2s` are further lines of that section. */
  static async start(directResolver = 53, s2s = ''): Promise<UnlinkedHouse> {
    const folder = mkdtempSync(join(tmpdir(), 'sotto-unlinked-'))
    const now = { from: Date.now() - 86_400_000, to: Date.now() + 86_400_000 }
    const root = await Issued.root(now)
    const pair = async (domain: string): Promise<Pair> => {
      const issued = await root.issue({ ...now, subject: `CN=${domain}`, names: [dns(domain), xmpp(domain)], purposes: [SERVER_AUTH, CLIENT_AUTH] })
      return { cert: issued.pem, key: await issued.keyPem() }
    }
    writeFileSync(join(folder, 'torrc'), 'DisableNetwork 1\n')
    writeFileSync(join(folder, 'root.pem'), root.pem)
    for (const domain of ['capulet.lit', 'montague.lit']) {
      const { cert, key } = await pair(domain)
      writeFileSync(join(folder, `${domain}.crt`), cert)
      writeFileSync(join(folder, `${domain}.key`), key, { mode: 0o600 })
    }
    const named = (domain: string, federation: string): string => `[[domains]]\nname = "${domain}"\nfederation = "${federation}"\n`
      + `certificate = "${join(folder, `${domain}.crt`)}"\nkey = "${join(folder, `${domain}.key`)}"\n`
    const scenario = await Scenario.start(`
${named('capulet.lit', 'tor')}
${named('montague.lit', 'direct')}
[[domains]]
name = "onion"
[[listeners]]
kind = "c2s"
port = 0
[[listeners]]
kind = "s2s"
port = 0
domains = ["capulet.lit"]
[[listeners]]
kind = "s2s-tls"
port = 0
domains = ["capulet.lit"]
# What the policy says of pages is as it is configured; both have some.
[[listeners]]
kind = "https"
port = 0
[tor]
torrc = "${join(folder, 'torrc')}"
[s2s]
time_to_connect = "9s"
authorities = "${join(folder, 'root.pem')}"
resolvers = ["${RESOLVER}"]
direct_resolvers = ["127.0.0.1:${directResolver}"]
${s2s}
`, Object.fromEntries(['juliet@capulet.lit', 'juliet@montague.lit', 'juliet@onion'].map((account) => [account, PASSWORD])))
    const tor = await TorStandIn.listen(join(scenario.runtime, 'tor-socks.sock'))
    return new UnlinkedHouse(scenario, tor, await pair('verona.lit'), folder)
  }

  async stop(): Promise<void> {
    this.tor.stop()
    await this.scenario.stop()
    rmSync(this.#folder, { recursive: true })
  }

  /** Who has an account at that domain, and is available. */
  async login(domain: string): Promise<RawStream> {
    const isOnion = domain === this.onion
    const stream = await (isOnion ? this.scenario.rawOnion(0) : this.scenario.raw(LISTENERS.clients))
    await stream.login(domain, 'juliet', PASSWORD, 'balcony')
    return stream.send('<presence/>')
  }

  /** What must not come out of that domain's streams. */
  secretsOf(domain: string): readonly string[] {
    const names = ['capulet', 'montague', this.onion.slice(0, 16)]
    return names.filter((name) => !domain.startsWith(name))
  }

  assertClean(domain: string, text: string): void {
    for (const secret of this.secretsOf(domain)) assert.ok(!text.toLowerCase().includes(secret), `${secret} in: ${text}`)
  }

  /** Answers DNS for whoever asks through Tor; what was asked, and on whose circuit, is in the list that comes back. */
  resolve(records: (question: string) => readonly Answer[]): readonly { readonly user: string, readonly question: string }[] {
    const asked: { user: string, question: string }[] = []
    this.tor.lead(RESOLVER, 53, (socket, { user }) => {
      let received = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk])
        if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
        const decoded = packet.decode(received.subarray(2))
        const question = decoded.questions.map(({ name, type }) => `${name} ${type}`).join()
        asked.push({ user, question })
        const message = answer(decoded, records(question))
        socket.end(Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]))
      })
    })
    return asked
  }

  /** Tor does what it is for: the onion and capulet.lit reach each other. */
  joinBoth(): void {
    const join = (one: Socket, other: Socket): void => {
      one.pipe(other).pipe(one)
      other.on('error', () => one.destroy())
    }
    this.tor.lead(this.onion, 5269, async (socket) => join(socket, (await this.scenario.rawOnion(0, 's2s')).release()))
    this.tor.lead('capulet.lit', 5269, (socket) => join(socket, connect(this.scenario.ports[LISTENERS.servers] ?? 0, '127.0.0.1')))
  }
}

/** The header of a stream between servers. */
export function header(attributes: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(attributes).map(([name, value]) => ` ${name}='${value}'`).join('')
  return `<stream:stream${pairs} version='1.0' xmlns='jabber:server' xmlns:db='jabber:server:dialback' xmlns:stream='http://etherx.jabber.org/streams'>`
}

/** What verona.lit offers once TLS is there: everything that our server may take. */
const FEATURES = `<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>`
  + `<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback><bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>`

/** A stream that our server opened to `name`, as `name` sees it: all that is sent on it, in TLS and before. */
export interface Received {
  readonly stream: RawStream
  readonly tls: TLSSocket
  /** Everything so far. */
  readonly heard: () => string
}

/** Answers a call as the server of `name` would: STARTTLS, in which a certificate is asked for, and all features. */
export async function receive(socket: Socket, name: string, pair: Pair): Promise<Received> {
  const plain = RawStream.on(socket)
  await plain.expect(/<stream:stream [^>]*>/)
  plain.send(`${header({ from: name, id: 'first' })}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>`)
  await plain.expect(/<starttls[^>]*>/)
  plain.send(`<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
  const secureContext: SecureContext = createSecureContext(pair)
  const tls = new TLSSocket(plain.release(), { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false })
  tls.on('error', () => {})
  await once(tls, 'secure')
  const stream = RawStream.on(tls)
  await stream.expect(/<stream:stream [^>]*>/)
  stream.send(header({ from: name, id: 'same' }) + FEATURES)
  return { stream, tls, heard: () => plain.heard + stream.heard }
}
