import type { Envelope } from '../routing/envelope.ts'
import type { Extension, Verdict } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'

const NS_STANZA_ID = 'urn:xmpp:sid:0'

/**
 * XEP-0359: Unique and Stable Stanza IDs. Each message to an account gets one in the account's name, by which its clients
 * can tell it from another one; there is no archive that knows it. Section numbers are those of version 0.7.0.
 */
export const stanzaIds: Extension = {
  name: 'stanza-ids',
  implements: [{ xep: 359, title: 'Unique and Stable Stanza IDs', version: '0.7.0', since: '0.1.0', status: 'complete', note: 'without an archive that would know them' }],
  clauses: [
    { clause: 'XEP-0359 §3.1', text: 'an id that somebody else gave in our name is deleted' },
    { clause: 'XEP-0359 §3.3', text: 'there is at most one id by the same address' },
    { clause: 'XEP-0359 §2.2', text: 'the origin\'s own id stays as it is' },
    { clause: 'XEP-0359 §6', text: 'nothing can be inferred from an id' },
  ],
  features: { server: [NS_STANZA_ID], account: [NS_STANZA_ID] },
  install: () => ({ incoming: [{ kinds: ['message'], judge: identify }] }),
}

function identify({ element: message, to, type }: Envelope): Verdict {
  if (to.local === '' || type === 'error') return undefined
  const by = to.bare.toString()
  const others = message.children.filter((child) => typeof child === 'string' || !isOurs(child, by))
  return { deliver: [message.withChildren([...others, element(NS_STANZA_ID, 'stanza-id', { id: randomIdentifier(), by })])] }
}

function isOurs(child: Element, by: string): boolean {
  return child.is('stanza-id', NS_STANZA_ID) && child.attrs['by']?.toLowerCase() === by
}
