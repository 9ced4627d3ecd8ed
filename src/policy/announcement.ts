import type { Config } from '../config/schema.ts'
import type { Element } from '../xml/element.ts'
import { resultForm } from '../xmpp/data-form.ts'

/** docs/otr-required.md tells what is in it. */
const FORM_TYPE = 'urn:sotto:e2ee-policy:0'

/** What a domain tells of its policy before anybody breaks it, in disco#info. */
export function policyForm({ policy }: Config, profile: string): Element {
  return resultForm(FORM_TYPE, [
    { name: 'policy', type: 'list-single', values: [profile] },
    { name: 'otr_versions', type: 'list-multi', values: policy.otr_versions },
    { name: 'offline', type: 'list-single', values: ['no'] },
    { name: 'groupchat', type: 'list-single', values: ['no'] },
  ])
}
