import { imageText, NS_VCARD, rebuildVcard } from '../pep/avatar.ts'
import { Face } from '../pep/face.ts'
import { NS_NICK } from '../pep/node-kinds.ts'
import { PersonalItems } from '../pep/personal-items.ts'
import { Portrait } from '../pep/portrait.ts'
import { EMPTY, type Extension, type Host, type Iq, type IqAnswer } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const FORBIDDEN = new StanzaError('forbidden')
const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const SERVICE_UNAVAILABLE = new StanzaError('service-unavailable')
const NOT_AN_IMAGE = new StanzaError('not-acceptable', { text: 'The photo is none of PNG, JPEG, GIF and WebP.' })

/** The one card of an account. Its photo is the avatar (XEP-0398), and here but a mark that there was one. */
const CARD = 'current'

/** XEP-0054: vcard-temp. Section numbers in this file are those of version 1.3.0. */
export const vcard: Extension = {
  name: 'vcard',
  implements: [{
    xep: 54, title: 'vcard-temp', version: '1.3.0', since: '0.1.0', status: 'complete',
    note: 'contacts see photo and nickname; the rest is for one\'s own clients, sealed',
  }],
  features: { server: [NS_VCARD], account: [NS_VCARD] },
  clauses: [
    { clause: 'XEP-0054 §3.1', text: 'one\'s own vCard is returned, or item-not-found' },
    { clause: 'XEP-0054 §3.2', text: 'nobody sets another\'s vCard' },
    { clause: 'XEP-0054 §3.3', text: 'the server answers for the account; without a vCard, or without an account, it is service-unavailable' },
    { clause: 'XEP-0054 §4', text: 'it is told as a feature' },
  ],

  install(host) {
    const cards = new Cards(host)
    return {
      iq: [
        { type: 'get', name: 'vCard', namespace: NS_VCARD, at: 'account', handle: (iq) => cards.show(iq) },
        { type: 'set', name: 'vCard', namespace: NS_VCARD, at: 'account', handle: (iq) => iq.from.bare.equals(iq.to) ? cards.change(iq) : FORBIDDEN },
      ],
    }
  },
}

class Cards {
  readonly #audience: Host['audience']
  readonly #items: PersonalItems
  readonly #face: Face
  readonly #portrait: Portrait

  constructor(host: Host) {
    this.#audience = host.audience
    this.#items = host.shared(PersonalItems)
    this.#face = host.shared(Face)
    this.#portrait = host.shared(Portrait)
  }

  /**
   * §3.3, for contacts. XEP-0398 §5.2: "check if the requestor of the vCard has access to the PEP nodes". Strangers must not
   * learn that there is such an account, unless its owner shows everybody the avatar.
   */
  show({ from, to: account }: Iq): IqAnswer {
    const isOwner = from.bare.equals(account)
    const isContact = isOwner || this.#audience.sees(from, account)
    const seesPhoto = isOwner || this.#face.isOpen(account) || (isContact && this.#face.isForContacts(account))
    const photo = seesPhoto ? this.#face.photoOf(account) : undefined
    const kept = isContact ? this.#kept(account) : []
    if (photo === undefined && kept.length === 0) return isOwner ? ITEM_NOT_FOUND : SERVICE_UNAVAILABLE
    const whole = element(NS_VCARD, 'vCard', {}, ...kept, photo)
    if (isOwner) return whole
    const shown = rebuildVcard(whole)
    return shown.children.length === 0 ? SERVICE_UNAVAILABLE : shown
  }

  /**
   * §3.2: "the entire vCard must be sent", so one without the photo that an earlier one had takes the avatar away. Who
   * publishes it (XEP-0084) and has nothing but words in the card keeps it.
   */
  change({ to: account, payload }: Iq): IqAnswer | Promise<IqAnswer> {
    const bytes = payload.child('PHOTO', NS_VCARD)?.childContent('BINVAL', NS_VCARD)?.trim() ?? ''
    const image = bytes === '' ? undefined : imageText(bytes)
    if (bytes !== '' && image === undefined) return NOT_AN_IMAGE
    const hadPhoto = [payload, this.#card(account)].some((card) => card?.child('PHOTO', NS_VCARD) !== undefined)
    const others = payload.elements().filter((child) => !child.is('PHOTO', NS_VCARD))
    const mark = image === undefined ? undefined : element(NS_VCARD, 'PHOTO')
    const kept = this.#keep(account, element(NS_VCARD, 'vCard', {}, ...others, mark))
    if (kept instanceof StanzaError) return kept
    const isLost = image === undefined && hadPhoto
    const shown = image !== undefined ? this.#portrait.show(account, image) : isLost ? this.#portrait.takeDown(account) : Promise.resolve()
    if (shown instanceof StanzaError) return kept.then(() => shown)
    return Promise.all([kept, shown]).then((): IqAnswer => EMPTY)
  }

  #card(account: Jid): Element | undefined {
    const item = this.#items.item(account, NS_VCARD)
    return item === undefined ? undefined : this.#items.payload(account, item)
  }

  #keep(account: Jid, card: Element): Promise<void> | StanzaError {
    if (card.children.length === 0) return this.#items.removeNode(account, NS_VCARD)
    return this.#items.keep(account, NS_VCARD, CARD, card)
  }

  /** What it says of itself; who publishes a nickname (XEP-0172) and has no card goes by that. */
  #kept(account: Jid): Element[] {
    const others = this.#card(account)?.elements().filter((child) => !child.is('PHOTO', NS_VCARD)) ?? []
    const nick = others.some((child) => child.is('NICKNAME', NS_VCARD)) ? undefined : this.#items.item(account, NS_NICK)
    return nick === undefined ? others : [...others, element(NS_VCARD, 'NICKNAME', {}, this.#items.payload(account, nick).content())]
  }
}
