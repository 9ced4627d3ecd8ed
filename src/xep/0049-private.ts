import { NODE_BOOKMARKS, NS_PRIVATE } from '../pep/node-kinds.ts'
import { PersonalItems } from '../pep/personal-items.ts'
import { Publisher } from '../pep/publisher.ts'
import { NS_PUBSUB } from '../pep/avatar.ts'
import { EMPTY, type Extension, type Host, type Iq, type IqAnswer } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const BAD_REQUEST = new StanzaError('bad-request')
const NOT_ACCEPTABLE = new StanzaError('not-acceptable')
/** §2.3: "namespaces beginning with 'jabber:' or 'http://jabber.org/', as well as 'vcard-temp'". */
const RESERVED = /^(jabber:|http:\/\/jabber\.org\/|vcard-temp$|$)/
/** XEP-0048 §3: the one item of bookmarks. */
const BOOKMARKS = 'current'

/**
 * XEP-0049: Private XML Storage, sealed. Section numbers in this file are those of version 1.2. Bookmarks in it are those of
 * PEP (XEP-0411): rooms cannot be entered here, but clients ask for them in either way as they log in. Those of XEP-0402 are
 * kept as they are in their node, and not converted (its "#compat" is not told): there is no room to find again.
 */
export const privateStorage: Extension = {
  name: 'private-storage',
  implements: [
    { xep: 49, title: 'Private XML Storage', version: '1.2', since: '0.1.0', status: 'complete', note: 'sealed' },
    { xep: 411, title: 'Bookmarks Conversion', version: '1.1.0', since: '0.1.0', status: 'complete' },
  ],
  features: { server: [NS_PRIVATE], account: ['urn:xmpp:bookmarks-conversion:0'] },
  clauses: [
    { clause: 'XEP-0049 §2.3', text: 'no child, or a reserved namespace, is not acceptable; another\'s data are forbidden' },
    { clause: 'XEP-0049 §4', text: 'nobody else reads or changes it' },
    { clause: 'XEP-0411 §2', text: 'the account has the feature' },
    { clause: 'XEP-0411 §3', text: 'bookmarks in one are bookmarks in the other, and subscribers of the node hear of it' },
  ],

  install(host) {
    const storage = new PrivateStorage(host)
    const own = { name: 'query', namespace: NS_PRIVATE, at: 'own' } as const
    return {
      iq: [
        { ...own, type: 'get', handle: (iq) => storage.get(iq) },
        { ...own, type: 'set', handle: (iq) => storage.set(iq) },
      ],
    }
  },
}

class PrivateStorage {
  readonly #items: PersonalItems
  readonly #publisher: Publisher

  constructor(host: Host) {
    this.#items = host.shared(PersonalItems)
    this.#publisher = host.shared(Publisher)
  }

  get({ to: account, payload }: Iq): IqAnswer {
    const [asked, ...more] = payload.elements()
    if (asked === undefined || RESERVED.test(asked.namespace)) return NOT_ACCEPTABLE
    if (more.length > 0) return BAD_REQUEST
    const item = isBookmarks(asked) ? this.#items.item(account, NODE_BOOKMARKS) : this.#items.item(account, NS_PRIVATE, keyOf(asked))
    const kept = item === undefined ? undefined : this.#items.payload(account, item)
    const isThat = kept?.is(asked.name, asked.namespace) === true
    return element(NS_PRIVATE, 'query', {}, isThat ? kept : asked.with({}).withChildren([]))
  }

  /** The first that has no room is refused with all that follow. */
  set({ to: account, payload }: Iq): IqAnswer | Promise<IqAnswer> {
    const elements = payload.elements()
    if (elements.length === 0 || elements.some(({ namespace }) => RESERVED.test(namespace))) return NOT_ACCEPTABLE
    if (new Set(elements.map(keyOf)).size < elements.length) return BAD_REQUEST
    const written: Promise<void>[] = []
    for (const one of elements) {
      const outcome = isBookmarks(one) ? this.#publish(account, one) : this.#keep(account, one)
      if (outcome instanceof StanzaError) return Promise.all(written).then(() => outcome)
      written.push(outcome)
    }
    return Promise.all(written).then((): IqAnswer => EMPTY)
  }

  #publish(account: Jid, bookmarks: Element): Promise<void> | StanzaError {
    const published = this.#publisher.publish(account, NODE_BOOKMARKS, element(NS_PUBSUB, 'item', { id: BOOKMARKS }, bookmarks))
    return published instanceof StanzaError ? published : published.written
  }

  /** §2.2: what is empty takes no room. */
  #keep(account: Jid, one: Element): Promise<void> | StanzaError {
    const key = keyOf(one)
    if (one.children.length === 0) return this.#items.remove(account, NS_PRIVATE, [key])
    return this.#items.keep(account, NS_PRIVATE, key, one)
  }
}

function isBookmarks(one: Element): boolean {
  return one.is('storage', NODE_BOOKMARKS)
}

/** §2.1: data are named by their root element. */
function keyOf({ namespace, name }: Element): string {
  return `{${namespace}}${name}`
}
