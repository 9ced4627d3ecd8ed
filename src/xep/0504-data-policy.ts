import type { Config } from '../config/schema.ts'
import type { ServedDomain } from '../routing/domains.ts'
import type { Extension } from '../routing/extension.ts'
import type { Element } from '../xml/element.ts'
import { resultForm, type Field } from '../xmpp/data-form.ts'

const FORM_TYPE = 'urn:xmpp:data-policy:0'

/**
 * XEP-0504: Data Policy, of the served domains. It says what this server does, and nothing of what its operator may do
 * beside it: how backups are made and kept is not known here. Section names are those of version 0.1.0.
 */
export const dataPolicy: Extension = {
  name: 'data-policy',
  implements: [{
    xep: 504, title: 'Data Policy', version: '0.1.0', since: '0.1.0', status: 'partial',
    note: 'no terms of service, location or frequency of backups: they are the operator\'s to tell',
  }],
  clauses: [
    { clause: 'XEP-0504 §3', text: 'asked for its info, a domain shows the form, each field of its type and with values that are known' },
    { clause: 'XEP-0504 §3.1', text: 'how passwords are seen' },
    { clause: 'XEP-0504 §3.8', text: 'whether people can have what is held of them' },
  ],
  forms: (config, domain) => [policyForm(config, hasPages(config, domain))],
  install: () => ({}),
}

/** Whether its people can sign in on pages, where they have all that is held of them. */
function hasPages({ web, listeners }: Config, { label, onionAddress }: ServedDomain): boolean {
  return (web.enabled && onionAddress !== undefined) || listeners.some(({ kind, domains }) => kind === 'https' && domains.includes(label))
}

function policyForm({ auth }: Config, exports: boolean): Element {
  return resultForm(FORM_TYPE, [
    // "Auth Mechanism": PLAIN shows the password to the server as it passes, SCRAM never does.
    { name: 'auth_data', type: 'list-single', values: [auth.plain ? 'plain' : 'hidden'] },
    // "Data Retention" is of "data such as messages or files": neither is ever stored. Contacts, block lists, avatars and private data are.
    { name: 'data_retention', type: 'text-single', values: ['0'] },
    yesOrNo('data_deletion', true), // all that is stored, by their owner
    yesOrNo('encryption_at_rest', false), // of all that is stored: contacts and block lists are not, other things are
    yesOrNo('data_export', exports),
    { name: 'access_policy', type: 'list-multi', values: ['admins'] },
    yesOrNo('full_erasure', true), // in the client (XEP-0077 §3.2), or on a page
    { name: 'backup_retention', type: 'text-single', values: ['unknown'] },
  ])
}

function yesOrNo(name: string, value: boolean): Field {
  return { name, type: 'boolean', values: [String(value)] }
}
