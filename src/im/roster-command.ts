import { EMPTY, type Host, type Iq, type IqAnswer } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_ROSTER } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import type { Handshake } from './handshake.ts'
import { itemElement } from './roster-item.ts'
import type { Rosters } from './roster.ts'

/** In UTF-16 code units: as much as a part of a JID may have bytes. */
const NAME_LENGTH = 1023
const GROUPS_PER_ITEM = 50

const BAD_REQUEST = new StanzaError('bad-request')
const JID_MALFORMED = new StanzaError('jid-malformed')
const NOT_ALLOWED = new StanzaError('not-allowed')
const NOT_ACCEPTABLE = new StanzaError('not-acceptable')
const ITEM_NOT_FOUND = new StanzaError('item-not-found', { type: 'modify' }) // as in the example of §2.5.3
const RESOURCE_CONSTRAINT = new StanzaError('resource-constraint', { text: 'The roster is full.' })

/** What a roster set asks for. */
interface Change {
  readonly contact: Jid
  readonly remove: boolean
  readonly name: string
  readonly groups: readonly string[]
}

/** The roster get and the roster set (RFC 6121 §2), for the account's own clients alone. */
export class RosterCommand {
  readonly #host: Host
  readonly #rosters: Rosters
  readonly #handshake: Handshake

  constructor(host: Host, rosters: Rosters, handshake: Handshake) {
    this.#host = host
    this.#rosters = rosters
    this.#handshake = handshake
  }

  get({ to, payload, session }: Iq): IqAnswer {
    if (payload.elements().length > 0) return BAD_REQUEST // §2.1.3: "MUST NOT contain any <item/>"
    if (session !== undefined) this.#rosters.addInterest(session)
    const roster = this.#rosters.of(to)
    const ver = String(roster.version)
    // §2.6.3 allows the whole roster wherever something changed; so no trace of removed contacts has to be kept.
    if (payload.attrs['ver'] === ver) return EMPTY
    const items = [...roster.all()].filter((item) => item.listed).map(itemElement)
    return element(NS_ROSTER, 'query', { ver }, ...items)
  }

  /** The result leaves once the change is on disk. */
  set({ to: account, payload }: Iq): IqAnswer | Promise<IqAnswer> {
    const change = parseChange(payload)
    if (change instanceof StanzaError) return change
    if (change.contact.equals(account)) return NOT_ALLOWED
    return change.remove ? this.#remove(account, change.contact) : this.#update(account, change)
  }

  #update(account: Jid, { contact, name, groups }: Change): IqAnswer | Promise<IqAnswer> {
    const roster = this.#rosters.of(account)
    const known = roster.get(contact)
    if (known?.listed !== true && roster.listed >= this.#host.config.limits.roster_items) return RESOURCE_CONSTRAINT
    const item = this.#rosters.item(account, contact)
    this.#log(account, contact, known?.listed === true ? 'update' : 'add')
    return this.#rosters.put(account, { ...item, name, groups, listed: true }, 'always').then((): IqAnswer => EMPTY)
  }

  #remove(account: Jid, contact: Jid): IqAnswer | Promise<IqAnswer> {
    const item = this.#rosters.of(account).get(contact)
    if (item?.listed !== true) return ITEM_NOT_FOUND
    this.#log(account, contact, 'remove')
    const written = this.#rosters.remove(account, contact).then((): IqAnswer => EMPTY)
    this.#handshake.end(account, item)
    return written
  }

  #log(account: Jid, contact: Jid, action: string): void {
    this.#host.log.roster({ account: account.toString(), contact: contact.toString(), action })
  }
}

/** §2.1.5, §2.3.3. */
function parseChange(query: Element): Change | StanzaError {
  const [item, second] = query.elements()
  if (item === undefined || second !== undefined || !item.is('item', NS_ROSTER)) return BAD_REQUEST
  const address = item.attrs['jid']
  if (address === undefined) return BAD_REQUEST
  const contact = Jid.parse(address)?.bare
  if (contact === undefined) return JID_MALFORMED
  const name = item.attrs['name'] ?? ''
  const groups = item.elements().filter((child) => child.is('group', NS_ROSTER)).map((group) => group.content())
  if (name.length > NAME_LENGTH || groups.length > GROUPS_PER_ITEM) return NOT_ACCEPTABLE
  if (groups.some((group) => group === '' || group.length > NAME_LENGTH)) return NOT_ACCEPTABLE
  if (new Set(groups).size < groups.length) return BAD_REQUEST
  return { contact, name, groups, remove: item.attrs['subscription'] === 'remove' }
}
