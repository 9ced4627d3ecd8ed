import { Envelope } from '../routing/envelope.ts'
import type { Host, Verdict } from '../routing/extension.ts'
import type { Session } from '../routing/sessions.ts'
import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { NS_AVATAR_DATA, NS_AVATAR_METADATA, NS_VCARD } from './avatar.ts'
import { PersonalItems, type Item } from './personal-items.ts'

const NS_VCARD_UPDATE = 'vcard-temp:x:update'

/**
 * The one avatar of an account, which XEP-0398 lets be seen in three ways: published (XEP-0084), as the photo of its vCard
 * (XEP-0054), and by its hash in presence (XEP-0153). It lies in the nodes of the first alone.
 */
export class Face {
  readonly #host: Host
  readonly #items: PersonalItems
  /** By the metadata that say so; undefined where they say that there is none. */
  readonly #ids = new WeakMap<Item, { readonly id: string | undefined }>()
  /** Sessions that say of themselves that they have no avatar (XEP-0398 §4). */
  readonly #declining = new WeakSet<Session>()
  /** Sessions in whose presence contacts saw a hash. */
  readonly #showing = new WeakSet<Session>()

  constructor(host: Host) {
    this.#host = host
    this.#items = host.shared(PersonalItems)
  }

  /** The hash of the image, in hexadecimal digits; undefined where there is no avatar, or no image that belongs to it. */
  hashOf(account: Jid): string | undefined {
    const metadata = this.#items.item(account, NS_AVATAR_METADATA)
    if (metadata === undefined) return undefined
    let described = this.#ids.get(metadata)
    if (described === undefined) {
      described = { id: this.#items.payload(account, metadata).child('info', NS_AVATAR_METADATA)?.attrs['id'] }
      this.#ids.set(metadata, described)
    }
    const { id } = described
    return id !== undefined && this.#items.item(account, NS_AVATAR_DATA, id) !== undefined ? id : undefined
  }

  /** XEP-0398 §3.1: "the info element that does not point to an external URL", and the image that belongs to it. */
  photoOf(account: Jid): Element | undefined {
    const hash = this.hashOf(account)
    const data = hash === undefined ? undefined : this.#items.item(account, NS_AVATAR_DATA, hash)
    if (data === undefined) return undefined
    const base64 = this.#items.payload(account, data).content()
    return element(NS_VCARD, 'PHOTO', {},
      element(NS_VCARD, 'TYPE', {}, imageType(Buffer.from(base64.slice(0, 24), 'base64'))), element(NS_VCARD, 'BINVAL', {}, base64))
  }

  /** May who is no contact see it? */
  isOpen(account: Jid): boolean {
    return [NS_AVATAR_DATA, NS_AVATAR_METADATA].every((name) => this.#items.node(account, name)?.settings.access === 'open')
  }

  /** May contacts? */
  isForContacts(account: Jid): boolean {
    return [NS_AVATAR_DATA, NS_AVATAR_METADATA].every((name) => this.#items.node(account, name)?.settings.access !== 'whitelist')
  }

  /** XEP-0398 §4: the hash goes into "every available presence that does not contain an empty photo element". */
  judge(envelope: Envelope): Verdict {
    const { element: presence, session, directed, from, origin } = envelope
    if (session === undefined || origin !== 'client') return undefined
    const update = presence.child('x', NS_VCARD_UPDATE)
    const said = update?.childContent('photo', NS_VCARD_UPDATE)?.trim()
    if (!directed) {
      if (said === '') this.#declining.add(session)
      else this.#declining.delete(session)
    }
    if (said === '') return undefined
    const hash = this.#shownHash(from.bare)
    // Where there is none any more, those are told who saw one.
    const shown = hash ?? (update !== undefined && said === undefined || this.#showing.has(session) ? '' : undefined)
    if (hash !== undefined) this.#showing.add(session)
    return shown === undefined || shown === said ? undefined : { deliver: [withHash(presence, shown)] }
  }

  /** The avatar is another one: contacts that know of XEP-0153 alone see it by a new presence. */
  changed(account: Jid): void {
    for (const session of this.#host.sessions.of(account).values()) {
      const { presence, jid } = session
      if (presence === undefined || this.#declining.has(session)) continue
      const shown = presence.child('x', NS_VCARD_UPDATE)?.childContent('photo', NS_VCARD_UPDATE) ?? ''
      if (shown === (this.#shownHash(account) ?? '')) continue
      this.#host.router.submit(new Envelope(withHash(presence, undefined), jid, account, false, 'client', session))
    }
  }

  /** What contacts may see of it. */
  #shownHash(account: Jid): string | undefined {
    return this.isForContacts(account) ? this.hashOf(account) : undefined
  }
}

/** The presence with that hash and no other; '' says that there is no avatar (XEP-0153 §4.1). */
function withHash(presence: Element, hash: string | undefined): Element {
  const others = presence.children.filter((child) => typeof child === 'string' || !child.is('x', NS_VCARD_UPDATE))
  const photo = hash === '' ? element(NS_VCARD_UPDATE, 'photo') : hash === undefined ? undefined : element(NS_VCARD_UPDATE, 'photo', {}, hash)
  return presence.withChildren(photo === undefined ? others : [...others, element(NS_VCARD_UPDATE, 'x', {}, photo)])
}

/** XEP-0153 §5: the type of the image itself, whatever somebody said that it is. */
export function imageType(start: Buffer): string {
  const text = start.toString('latin1', 0, 4)
  if (text === '\x89PNG') return 'image/png'
  if (text === 'GIF8') return 'image/gif'
  return text === 'RIFF' ? 'image/webp' : 'image/jpeg'
}
