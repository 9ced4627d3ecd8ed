import assert from 'node:assert/strict'
import type { RawStream, Scenario } from '../scenario/scenario.ts'

export const NS_SM = 'urn:xmpp:sm:3'
export const DOMAIN = 'capulet.lit'
export const PASSWORD = 'wherefore art thou'
/** In shape what passes the policy. */
export const QUERY = '?OTRv23?'

/** A server with Juliet and Romeo; by the first listener with STARTTLS, by the second with TLS from the first byte. */
export const HOUSEHOLD = `
[[domains]]
name = "${DOMAIN}"
[[listeners]]
kind = "c2s"
port = 0
[[listeners]]
kind = "c2s-tls"
port = 0
[tor]
enabled = false
`
export const ACCOUNTS = { [`juliet@${DOMAIN}`]: PASSWORD, [`romeo@${DOMAIN}`]: PASSWORD }

/** A stream that has logged in and may bind or resume; by the listener with that number. */
export async function loggedIn(scenario: Scenario, name: string, listener = 0): Promise<RawStream> {
  const stream = await scenario.raw(listener)
  if (listener === 0) await stream.secure(DOMAIN)
  else {
    await stream.upgrade(DOMAIN)
    await stream.open(DOMAIN).expect(/<\/stream:features>/)
  }
  return await authenticated(stream, name)
}

/** The same of a stream that is secure. */
export async function authenticated(stream: RawStream, name: string): Promise<RawStream> {
  const response = Buffer.from(`\0${name}\0${PASSWORD}`).toString('base64')
  stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`)
  await stream.expect(/<success[^>]*>/)
  await stream.open(DOMAIN).expect(/<\/stream:features>/)
  return stream
}

/** Binds a resource, and is available. */
export async function bound(stream: RawStream, resource: string): Promise<RawStream> {
  stream.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`)
  await stream.expect(/<iq [^>]*type='result'.*?<\/iq>/)
  stream.send('<presence/>')
  await stream.expect(new RegExp(`<presence [^>]*from='[^']*/${resource}'[^>]*/>`))
  return stream
}

/** A bound and available resource with stream management; `id` is that of the session. */
export async function managed(
  scenario: Scenario, name: string, resource: string, attributes = "resume='true'", listener = 0,
): Promise<{ readonly stream: RawStream, readonly id: string }> {
  const stream = await bound(await loggedIn(scenario, name, listener), resource)
  stream.send(`<enable xmlns='${NS_SM}' ${attributes}/>`)
  const [enabled] = await stream.expect(/<enabled [^>]*>/)
  return { stream, id: attribute(enabled, 'id') ?? '' }
}

/** `h` is how many stanzas the client has handled. */
export function resume(stream: RawStream, id: string, h: number | string): RawStream {
  return stream.send(`<resume xmlns='${NS_SM}' previd='${id}' h='${h}'/>`)
}

export function attribute(tag: string, name: string): string | undefined {
  return new RegExp(` ${name}='([^']*)'`).exec(tag)?.[1]
}

export function message(to: string, id: string): string {
  return `<message to='${to}' type='chat' id='${id}'><body>${QUERY}</body></message>`
}

/** The server's own books: it answers with what it has handled. */
export async function handled(stream: RawStream): Promise<string | undefined> {
  stream.send(`<r xmlns='${NS_SM}'/>`)
  return attribute((await stream.expect(/<a [^>]*>/))[0], 'h')
}

/** The stanzas that come until a ping is answered: nothing can still be on its way then. */
export async function soFar(stream: RawStream): Promise<string> {
  const id = `sync-${soFarCount(stream)}`
  stream.send(`<iq type='get' id='${id}' to='${DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>`)
  const [text] = await stream.expect(new RegExp(`^[^]*?<iq [^>]*id='${id}'[^>]*/>`))
  assert.ok(text)
  return text.slice(0, text.lastIndexOf('<iq '))
}

const counts = new WeakMap<RawStream, number>()
function soFarCount(stream: RawStream): number {
  const count = (counts.get(stream) ?? 0) + 1
  counts.set(stream, count)
  return count
}
