/** What the tests of people's faces, names and private data share: images, requests, and clients that say what they want to hear. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { element, type Element } from '../../src/xml/element.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { discoInfo, verificationString } from '../../src/xmpp/disco-info.ts'
import { NS_CLIENT, NS_DISCO_INFO } from '../../src/xmpp/namespaces.ts'
import type { TestClient, TestHouse } from '../house.ts'

export const AVATAR_DATA = 'urn:xmpp:avatar:data'
export const AVATAR_METADATA = 'urn:xmpp:avatar:metadata'
export const PUBSUB = 'http://jabber.org/protocol/pubsub'

/** Something that begins like an image, by its name. */
export function imageOf(name: string, bytes = 0): { readonly base64: string, readonly id: string, readonly bytes: number } {
  const image = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(name), Buffer.alloc(bytes, name)])
  return { base64: image.toString('base64'), id: createHash('sha1').update(image).digest('hex'), bytes: image.length }
}

export const FACE = imageOf('face')
export const OTHER_FACE = imageOf('mask')

/** The answer to a request of that client; what else it heard is put aside. */
export async function answerTo(house: TestHouse, client: TestClient, type: 'get' | 'set', payload: string, to?: string): Promise<Element> {
  client.says(`<iq type='${type}' id='asked'${to === undefined ? '' : ` to='${to}'`}>${payload}</iq>`)
  await house.settled()
  const answer = client.heard().find(({ attrs }) => attrs['id'] === 'asked')
  assert.ok(answer, 'no answer')
  return answer
}

/** 'result', or type, condition and the condition of the extension. */
export async function outcomeOf(house: TestHouse, client: TestClient, type: 'get' | 'set', payload: string, to?: string): Promise<string> {
  return inWords(await answerTo(house, client, type, payload, to))
}

export function inWords(answer: Element): string {
  if (answer.attrs['type'] !== 'error') return answer.attrs['type'] ?? ''
  const error = answer.child('error', NS_CLIENT)
  return [error?.attrs['type'], ...error?.elements().filter(({ name }) => name !== 'text').map(({ name }) => name) ?? []].join(' ')
}

/** The payload of a result, as XML. */
export async function payloadOf(house: TestHouse, client: TestClient, type: 'get' | 'set', payload: string, to?: string): Promise<string> {
  const answer = await answerTo(house, client, type, payload, to)
  assert.equal(answer.attrs['type'], 'result', inWords(answer))
  const [content] = answer.elements()
  return content === undefined ? '' : serialize(content, NS_CLIENT)
}

export function pubsub(inner: string, owner = ''): string {
  return `<pubsub xmlns='${PUBSUB}${owner}'>${inner}</pubsub>`
}

export function publish(node: string, item: string, options?: Readonly<Record<string, string>>): string {
  const form = options === undefined ? '' : `<publish-options>${submittedForm('publish-options', options)}</publish-options>`
  return pubsub(`<publish node='${node}'>${item}</publish>${form}`)
}

export function items(node: string, inner = '', attributes = ''): string {
  return pubsub(`<items node='${node}'${attributes}${inner === '' ? '/>' : `>${inner}</items>`}`)
}

/** A submitted form of node configuration or of publish options. */
export function submittedForm(type: 'node_config' | 'publish-options', fields: Readonly<Record<string, string>>): string {
  return `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#${type}</value></field>`
    + Object.entries(fields).map(([name, value]) => `<field var='pubsub#${name}'><value>${value}</value></field>`).join('') + '</x>'
}

export function dataItem({ base64, id } = FACE): string {
  return `<item id='${id}'><data xmlns='${AVATAR_DATA}'>${base64}</data></item>`
}

export function metadata({ id, bytes } = FACE): string {
  return `<metadata xmlns='${AVATAR_METADATA}'><info id='${id}' type='image/png' bytes='${bytes}'/></metadata>`
}

export function metadataItem(face = FACE): string {
  return `<item id='${face.id}'>${metadata(face)}</item>`
}

export async function publishFace(house: TestHouse, client: TestClient, face = FACE, options?: Readonly<Record<string, string>>): Promise<void> {
  assert.equal(await outcomeOf(house, client, 'set', publish(AVATAR_DATA, dataItem(face), options)), 'result')
  client.says(`<iq type='set' id='face'>${publish(AVATAR_METADATA, metadataItem(face), options)}</iq>`)
  await house.settled()
}

/** What a client with these interests answers, and how it says so in its presence. */
export function capable(...nodes: readonly string[]): { readonly info: Element, readonly c: string, readonly ver: string, readonly presence: string } {
  const info = discoInfo([{ category: 'client', type: 'pc' }], [NS_DISCO_INFO, ...nodes.map((node) => `${node}+notify`)])
  const ver = verificationString(info, 'sha-1') ?? ''
  const c = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:example:client' ver='${ver}'/>`
  return { info, c, ver, presence: `<presence>${c}</presence>` }
}

/** Logs in, and says what it wants to hear where it is asked. What it hears then is left to be read. */
export async function interested(house: TestHouse, address: string, ...nodes: readonly string[]): Promise<TestClient> {
  const { info, presence } = capable(...nodes)
  const client = house.connect(address)
  client.says("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>")
  client.says(presence)
  const heard = client.heard()
  const question = heard.find(isQuestion)
  for (const stanza of heard) if (stanza !== question) client.send(stanza) // still to be read
  if (question !== undefined) answers(client, question, info)
  await house.settled()
  return client
}

/** The client tells what it can do, as it was asked. */
export function answers(client: TestClient, question: Element, info: Element): void {
  const { id = '', from } = question.attrs
  const asked = question.child('query', NS_DISCO_INFO)
  client.says(serialize(element(NS_CLIENT, 'iq', { type: 'result', id, to: from }, info.with({ node: asked?.attrs['node'] })), NS_CLIENT))
}

export function isQuestion(stanza: Element): boolean {
  return stanza.attrs['type'] === 'get' && stanza.child('query', NS_DISCO_INFO) !== undefined
}

/** Of what was heard, the events alone, as XML without their ids. */
export function eventsOf(client: TestClient): string[] {
  return eventsIn(client.heard())
}

export function eventsIn(stanzas: readonly Element[]): string[] {
  return stanzas.filter((stanza) => stanza.child('event', `${PUBSUB}#event`) !== undefined).map((stanza) => {
    assert.equal(stanza.attrs['type'], 'headline')
    const event = stanza.child('event', `${PUBSUB}#event`) as Element // it has one
    return `${stanza.attrs['from']} > ${stanza.attrs['to']}: ${event.elements().map((child) => serialize(child, `${PUBSUB}#event`)).join('')}`
  })
}

export function event(from: string, to: string, face = FACE): string {
  return `${from} > ${to}: <items node='${AVATAR_METADATA}'>${metadataItem(face)}</items>`
}
