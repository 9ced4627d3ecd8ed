import { createHash } from 'node:crypto'
import { element, type Element } from '../xml/element.ts'
import { serialize } from '../xml/serialize.ts'
import { NS_CLIENT, NS_SASL } from '../xmpp/namespaces.ts'

const NS_IAP = 'urn:xmpp:iap:0'
/** Enough that no two offers share a version, in bytes. */
const VERSION_BYTES = 12

/**
 * The name of an offer, by which a client says on which one it relies that logs in before it has seen any (XEP-0509 §2.1):
 * the same offer has the same name, after a restart as well.
 *
 * @param bindings the channel bindings, which are offered beside it
 */
export function configVersion(authentication: Element, bindings: Iterable<string>): Element {
  const hash = createHash('sha256').update(serialize(authentication, NS_CLIENT)).update([...bindings].join(' '))
  return element(NS_IAP, 'config-version', { value: hash.digest().subarray(0, VERSION_BYTES).toString('base64') })
}

/** Whether a login relies on another offer than it was made; one that names none relies on nothing. */
export function reliesOnAnother(login: Element, { attrs: { value } }: Element): boolean {
  const named = login.child('config-version', NS_IAP)
  return named !== undefined && named.attrs['value'] !== value
}

/** §2.2: "without prejudice": it is not counted. The client has been told of the present offer already. */
export function anotherOffer(): readonly Element[] {
  return [element(NS_SASL, 'aborted'), element(NS_IAP, 'config-version-mismatch')]
}
