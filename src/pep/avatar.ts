import { element, type Element } from '../xml/element.ts'
import { line, matching, sha1 } from '../xmpp/shapes.ts'

export const NS_VCARD = 'vcard-temp'
export const NS_PUBSUB = 'http://jabber.org/protocol/pubsub'
export const NS_AVATAR_DATA = 'urn:xmpp:avatar:data'
export const NS_AVATAR_METADATA = 'urn:xmpp:avatar:metadata'

export const NS_PUBSUB_EVENT = 'http://jabber.org/protocol/pubsub#event'
const NUMBER = /^[0-9]{1,8}$/
const IMAGE_TYPE = /^image\/(png|jpeg|gif|webp)$/
export const LONGEST_NICKNAME = 64

/** A vCard (XEP-0054) with nothing but photo and nickname. */
export function rebuildVcard(card: Element): Element {
  const photo = card.child('PHOTO', NS_VCARD)
  const image = imageText(photo?.childContent('BINVAL', NS_VCARD))
  const type = matching(IMAGE_TYPE, photo?.childContent('TYPE', NS_VCARD)?.trim())
  const nickname = line(card.childContent('NICKNAME', NS_VCARD), LONGEST_NICKNAME)
  return element(NS_VCARD, 'vCard', {},
    nickname === undefined ? undefined : element(NS_VCARD, 'NICKNAME', {}, nickname),
    image === undefined ? undefined : element(NS_VCARD, 'PHOTO', {},
      type === undefined ? undefined : element(NS_VCARD, 'TYPE', {}, type),
      element(NS_VCARD, 'BINVAL', {}, image)))
}

/** The items of an avatar node (XEP-0084 §4), in the namespace of pubsub or of its events; undefined for others. */
export function rebuildAvatarItems(items: Element): Element | undefined {
  const node = items.attrs['node']
  if (node !== NS_AVATAR_DATA && node !== NS_AVATAR_METADATA) return undefined
  const item = items.child('item', items.namespace)
  const id = sha1(item?.attrs['id'])
  const payload = item === undefined ? undefined : node === NS_AVATAR_DATA ? rebuildData(item) : rebuildMetadata(item)
  // XEP-0084 §3.5: where there is no avatar any more, there is no hash that could be its id.
  const isEmpty = node === NS_AVATAR_METADATA && payload?.children.length === 0
  if (item === undefined || (id === undefined && !isEmpty)) return element(items.namespace, 'items', { node })
  return element(items.namespace, 'items', { node }, element(items.namespace, 'item', { id }, payload))
}

/** XEP-0084 §3.3: a notification of new metadata; undefined for every other event. */
export function rebuildAvatarEvent(message: Element): Element | undefined {
  const items = message.child('event', NS_PUBSUB_EVENT)?.child('items', NS_PUBSUB_EVENT)
  if (items === undefined || items.attrs['node'] !== NS_AVATAR_METADATA) return undefined
  return element(NS_PUBSUB_EVENT, 'event', {}, rebuildAvatarItems(items))
}

export function rebuildData(item: Element): Element | undefined {
  const image = imageText(item.childContent('data', NS_AVATAR_DATA))
  return image === undefined ? undefined : element(NS_AVATAR_DATA, 'data', {}, image)
}

/**
 * Of several formats the one that lies here; without `url`: a client that fetches an image from anywhere tells that place
 * its address.
 */
export function rebuildMetadata(item: Element): Element {
  const formats = item.child('metadata', NS_AVATAR_METADATA)?.elements().filter((child) => child.is('info', NS_AVATAR_METADATA)) ?? []
  const described = formats.find(({ attrs }) => attrs['url'] === undefined) ?? formats[0]
  const { id, type, bytes, width, height } = described?.attrs ?? {}
  const info = {
    id: sha1(id), type: matching(IMAGE_TYPE, type), bytes: matching(NUMBER, bytes),
    width: matching(NUMBER, width), height: matching(NUMBER, height),
  }
  const isWhole = info.id !== undefined && info.type !== undefined && info.bytes !== undefined
  return element(NS_AVATAR_METADATA, 'metadata', {}, isWhole ? element(NS_AVATAR_METADATA, 'info', info) : undefined)
}

/** Base64 of bytes that begin like an image, canonical; undefined for anything else. */
export function imageText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const base64 = text.replace(/\s/g, '')
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 && isImage(bytes) ? base64 : undefined
}

function isImage(bytes: Buffer): boolean {
  const start = bytes.toString('latin1', 0, 12)
  return start.startsWith('\x89PNG\r\n\x1a\n') || start.startsWith('\xff\xd8\xff') || start.startsWith('GIF8')
    || (start.startsWith('RIFF') && start.endsWith('WEBP'))
}
