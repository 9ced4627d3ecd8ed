import { createHash } from 'node:crypto'
import type { Host } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { NS_AVATAR_DATA, NS_AVATAR_METADATA, NS_PUBSUB } from './avatar.ts'
import { Face, imageType } from './face.ts'
import { Publisher } from './publisher.ts'

/** XEP-0398 §3.2: what a client makes the photo of its vCard is published as the avatar of the account. */
export class Portrait {
  readonly #face: Face
  readonly #publisher: Publisher

  constructor(host: Host) {
    this.#face = host.shared(Face)
    this.#publisher = host.shared(Publisher)
  }

  /** `image` is canonical base64 of an image. The data first, then what tells of them. */
  show(account: Jid, image: string): Promise<void> | StanzaError {
    const bytes = Buffer.from(image, 'base64')
    const id = createHash('sha1').update(bytes).digest('hex')
    if (id === this.#face.hashOf(account)) return Promise.resolve()
    const data = this.#publisher.publish(account, NS_AVATAR_DATA, item(id, element(NS_AVATAR_DATA, 'data', {}, image)))
    if (data instanceof StanzaError) return data
    const info = { id, type: imageType(bytes), bytes: String(bytes.length) }
    const metadata = this.#publisher.publish(account, NS_AVATAR_METADATA,
      item(id, element(NS_AVATAR_METADATA, 'metadata', {}, element(NS_AVATAR_METADATA, 'info', info))))
    if (metadata instanceof StanzaError) {
      data.written.catch(() => undefined)
      return metadata
    }
    return Promise.all([data.written, metadata.written]).then(() => undefined)
  }

  takeDown(account: Jid): Promise<void> | StanzaError {
    if (this.#face.hashOf(account) === undefined) return Promise.resolve()
    const published = this.#publisher.publish(account, NS_AVATAR_METADATA, item(undefined, element(NS_AVATAR_METADATA, 'metadata')))
    return published instanceof StanzaError ? published : published.written
  }
}

function item(id: string | undefined, payload: Element): Element {
  return element(NS_PUBSUB, 'item', { id }, payload)
}
