import type { Envelope } from '../routing/envelope.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import { matching, sha1 } from '../xmpp/shapes.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { rebuildError } from './rebuild-error.ts'
import { dateTime, rebuild } from './shapes.ts'

const NS_CAPS = 'http://jabber.org/protocol/caps'
const NS_VCARD_UPDATE = 'vcard-temp:x:update'
const NS_IDLE = 'urn:xmpp:idle:1'
const NS_PARS = 'urn:xmpp:pars:0'

const SHOW = /^(away|chat|dnd|xa)$/
const PRIORITY = /^[+-]?[0-9]{1,3}$/
const CAPS_HASH = /^[a-z0-9-]{1,16}$/
const CAPS_NODE = /^[!-~]{1,200}$/
const CAPS_VERSION = /^[A-Za-z0-9+/]{20,88}={0,2}$/
const TOKEN = /^[A-Za-z0-9_-]{8,64}$/
const LONGEST_STATUS = 1024

/**
 * A presence stanza anew: show, priority, entity capabilities, avatar hash and idle time, which are no words.
 *
 * The one text, `<status/>`, passes only where `isBroadcast`: said to all who may see one's presence it is no
 * message, said to one person it would be. Probes carry nothing at all, and subscriptions nothing but the token of an
 * invitation that the other client gave out (XEP-0379 §3.3), which has the shape of an id.
 */
export function rebuildPresence(envelope: Envelope, isBroadcast: boolean): Element | StanzaError {
  const { element: stanza, type } = envelope
  switch (type) {
    case '':
      return rebuild(envelope, undefined, show(stanza), isBroadcast ? status(stanza) : undefined, priority(stanza),
        capabilities(stanza), avatarHash(stanza), idleTime(stanza))
    case 'unavailable': return rebuild(envelope, type, isBroadcast ? status(stanza) : undefined)
    case 'subscribe': return rebuild(envelope, type, preauth(stanza))
    case 'subscribed':
    case 'unsubscribe':
    case 'unsubscribed':
    case 'probe': return rebuild(envelope, type)
    case 'error': return rebuildError(envelope)
    default: return new StanzaError('bad-request')
  }
}

function preauth(stanza: Element): Element | undefined {
  const token = matching(TOKEN, stanza.child('preauth', NS_PARS)?.attrs['token'])
  return token === undefined ? undefined : element(NS_PARS, 'preauth', { token })
}

function show(stanza: Element): Element | undefined {
  const value = matching(SHOW, stanza.childContent('show', NS_CLIENT))
  return value === undefined ? undefined : element(NS_CLIENT, 'show', {}, value)
}

/** DEVIATION: RFC 6121 §4.7.2.2 allows status texts in several languages, which no client makes; the first one passes. */
function status(stanza: Element): Element | undefined {
  const value = stanza.childContent('status', NS_CLIENT)
  if (value === undefined || value === '' || value.length > LONGEST_STATUS) return undefined
  return element(NS_CLIENT, 'status', {}, value)
}

function priority(stanza: Element): Element | undefined {
  const value = Number(matching(PRIORITY, stanza.childContent('priority', NS_CLIENT)?.trim()) ?? NaN)
  return value >= -128 && value <= 127 ? element(NS_CLIENT, 'priority', {}, String(value)) : undefined
}

/** XEP-0115 §4; the form before version 1.4, without a hash, is left out. */
function capabilities(stanza: Element): Element | undefined {
  const attributes = stanza.child('c', NS_CAPS)?.attrs ?? {}
  const hash = matching(CAPS_HASH, attributes['hash'])
  const node = matching(CAPS_NODE, attributes['node'])
  const ver = matching(CAPS_VERSION, attributes['ver'])
  if (hash === undefined || node === undefined || ver === undefined) return undefined
  return element(NS_CAPS, 'c', { hash, node, ver })
}

/** XEP-0153 §4.1: without `photo` the client is not ready to say, with an empty one there is no avatar. */
function avatarHash(stanza: Element): Element | undefined {
  const update = stanza.child('x', NS_VCARD_UPDATE)
  if (update === undefined) return undefined
  const photo = update.childContent('photo', NS_VCARD_UPDATE)?.trim()
  if (photo === undefined) return element(NS_VCARD_UPDATE, 'x')
  const hash = sha1(photo)
  if (hash === undefined && photo !== '') return undefined
  return element(NS_VCARD_UPDATE, 'x', {}, element(NS_VCARD_UPDATE, 'photo', {}, hash))
}

/** XEP-0319. */
function idleTime(stanza: Element): Element | undefined {
  const since = dateTime(stanza.child('idle', NS_IDLE)?.attrs['since'])
  return since === undefined ? undefined : element(NS_IDLE, 'idle', { since })
}
