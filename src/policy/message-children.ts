import type { Envelope } from '../routing/envelope.ts'
import { element, type Element } from '../xml/element.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { dateTime, identifier, mere } from './shapes.ts'

const NS_CHAT_STATES = 'http://jabber.org/protocol/chatstates'
const NS_RECEIPTS = 'urn:xmpp:receipts'
const NS_CHAT_MARKERS = 'urn:xmpp:chat-markers:0'
const NS_HINTS = 'urn:xmpp:hints'
const NS_CARBONS = 'urn:xmpp:carbons:2'
const NS_ENCRYPTION = 'urn:xmpp:eme:0'
const NS_OTR = 'urn:xmpp:otr:0'
const NS_CORRECTION = 'urn:xmpp:message-correct:0'
const NS_STANZA_ID = 'urn:xmpp:sid:0'
const NS_ATTENTION = 'urn:xmpp:attention:0'
const NS_DELAY = 'urn:xmpp:delay'
const NS_MUC_USER = 'http://jabber.org/protocol/muc#user'

type Shape = (child: Element, envelope: Envelope) => Element | undefined

const withId: Shape = (child) => {
  const id = identifier(child.attrs['id'])
  return id === undefined || child.children.length > 0 ? undefined : element(child.namespace, child.name, { id })
}

/** XEP-0380: only that it is OTR. The name for people, which the sender chooses, is left out. */
const encryption: Shape = (child) => child.attrs['namespace'] === NS_OTR
  ? element(NS_ENCRYPTION, 'encryption', { namespace: NS_OTR })
  : undefined

/** XEP-0203: from a server only, as clients have no delay to tell of; without the reason, which is text. */
const delay: Shape = (child, { origin }) => {
  const stamp = dateTime(child.attrs['stamp'])
  if (stamp === undefined || origin === 'client') return undefined
  return element(NS_DELAY, 'delay', { stamp, from: Jid.parse(child.attrs['from'] ?? '')?.domain })
}

function names(shape: Shape, ...all: string[]): [string, Shape][] {
  return all.map((name) => [name, shape])
}

/** What may stand beside a body, or alone: by namespace, then by name. All that is not here is left out. */
const ALLOWED: ReadonlyMap<string, ReadonlyMap<string, Shape>> = new Map([
  [NS_CHAT_STATES, new Map(names(mere, 'active', 'composing', 'paused', 'inactive', 'gone'))],
  [NS_RECEIPTS, new Map([...names(mere, 'request'), ...names(withId, 'received')])],
  [NS_CHAT_MARKERS, new Map([...names(mere, 'markable'), ...names(withId, 'received', 'displayed', 'acknowledged')])],
  // COMPAT(Conversations, before 2.0): the last two names are its misspellings.
  [NS_HINTS, new Map(names(mere,
    'no-copy', 'no-store', 'no-permanent-store', 'store', 'no-permanent-storage', 'no-storage'))],
  [NS_CARBONS, new Map(names(mere, 'private'))],
  [NS_ENCRYPTION, new Map(names(encryption, 'encryption'))],
  [NS_CORRECTION, new Map(names(withId, 'replace'))],
  [NS_STANZA_ID, new Map(names(withId, 'origin-id'))],
  [NS_ATTENTION, new Map(names(mere, 'attention'))],
  [NS_DELAY, new Map(names(delay, 'delay'))],
])

/** Children that say something by themselves; the others only tell how to treat a message. */
const SIGNALS: ReadonlySet<string> = new Set([NS_CHAT_STATES, NS_RECEIPTS, NS_CHAT_MARKERS, NS_ATTENTION])

/**
 * Namespaces of content that people would miss: whoever sends nothing else learns that it was not sent. What stands
 * neither here nor in ALLOWED is noise of clients and left out in silence.
 */
const CONTENT: ReadonlySet<string> = new Set([
  'http://jabber.org/protocol/xhtml-im',
  'urn:xmpp:reactions:0', 'urn:xmpp:reply:0', 'urn:xmpp:fallback:0', 'urn:xmpp:reference:0', 'jabber:x:oob',
  'urn:xmpp:message-retract:0', 'urn:xmpp:message-retract:1',
  'urn:xmpp:message-moderate:0', 'urn:xmpp:message-moderate:1',
  'urn:xmpp:fasten:0', 'urn:xmpp:sims:1', 'urn:xmpp:sfs:0', 'jabber:x:conference',
  'http://jabber.org/protocol/mood', 'http://jabber.org/protocol/activity', 'http://jabber.org/protocol/tune',
  'http://jabber.org/protocol/geoloc', 'urn:xmpp:microblog:0', 'http://jabber.org/protocol/ibb',
  'jabber:x:encrypted', 'urn:xmpp:openpgp:0', 'eu.siacs.conversations.axolotl', 'urn:xmpp:omemo:2',
])

/** The allowed children, each anew and of each kind the first; never the body. */
export function messageChildren(envelope: Envelope): Element[] {
  const kept: Element[] = []
  for (const child of envelope.element.children) {
    if (typeof child === 'string') continue
    const shape = ALLOWED.get(child.namespace)?.get(child.name)
    if (shape === undefined || kept.some((other) => other.is(child.name, child.namespace))) continue
    const rebuilt = shape(child, envelope)
    if (rebuilt !== undefined) kept.push(rebuilt)
  }
  return kept
}

export function isSignal(child: Element): boolean {
  return SIGNALS.has(child.namespace)
}

/** Does the message hold content besides its body that will not go on? */
export function holdsOtherContent(message: Element): boolean {
  return message.elements().some((child) => CONTENT.has(child.namespace)
    || child.is('subject', NS_CLIENT)
    || (child.namespace === NS_MUC_USER && isInvitation(child)))
}

function isInvitation(child: Element): boolean {
  return child.elements().some(({ name }) => name === 'invite' || name === 'decline')
}
