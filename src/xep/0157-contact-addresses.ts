import { CONTACT_KINDS } from '../config/schema.ts'
import type { Extension } from '../routing/extension.ts'
import { resultForm } from '../xmpp/data-form.ts'

/** XEP-0157: Contact Addresses for XMPP Services, of each served domain as configured (`domains.contacts`). */
export const contactAddresses: Extension = {
  name: 'contact-addresses',
  implements: [{ xep: 157, title: 'Contact Addresses for XMPP Services', version: '1.1.1', since: '0.1.0', status: 'complete', note: '`domains.contacts`' }],
  clauses: [{ clause: 'XEP-0157 §3', text: 'the form is scoped by its FORM_TYPE; status addresses are URIs' }],

  forms(_config, { config: { contacts } }) {
    const fields = CONTACT_KINDS.flatMap((kind) => {
      const values = contacts[kind] ?? []
      return values.length === 0 ? [] : [{ name: `${kind}-addresses`, type: 'list-multi', values } as const]
    })
    return fields.length === 0 ? [] : [resultForm('http://jabber.org/network/serverinfo', fields)]
  },
  install: () => ({}),
}
