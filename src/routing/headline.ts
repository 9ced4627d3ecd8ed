import { element } from '../xml/element.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { NS_CLIENT } from '../xmpp/namespaces.ts'
import type { Session } from './sessions.ts'

/**
 * Tells a client something in the name of its own domain: a message of type headline, which stands apart from what
 * people say and which nobody can answer (RFC 6121 §5.2.2).
 */
export function tell(session: Session, subject: string, text: string): void {
  session.send(element(NS_CLIENT, 'message', {
    from: session.account.domain, to: session.jid.toString(), type: 'headline', id: randomIdentifier(),
  }, element(NS_CLIENT, 'subject', {}, subject), element(NS_CLIENT, 'body', {}, text)))
}
