import type { Element } from '../xml/element.ts'
import { fieldValues, NS_DATA_FORMS, resultForm, type Field } from '../xmpp/data-form.ts'
import { matching } from '../xmpp/shapes.ts'

const NS_SOFTWARE_INFO = 'urn:xmpp:dataforms:softwareinfo'
/** Of one line, and without the sign that separates the parts of a verification string (XEP-0115 §5.1). */
const TEXT = /^[ -;=-~]{0,64}$/
const PROTOCOL = /^ipv[46]$/
const TEXT_FIELDS: ReadonlySet<string> = new Set(['os', 'os_version', 'software', 'software_version'])
const MOST_PROTOCOLS = 2

/**
 * The form in which a client tells of its software (XEP-0232 §2, and `ip_version` of XEP-0115 §5.3), anew. It is whole or
 * not there: of a part of it no verification string comes out right.
 */
export function rebuildSoftwareInfo(info: Element): Element | undefined {
  const [form, ...others] = info.elements().filter((child) => child.is('x', NS_DATA_FORMS))
  const values = form === undefined || others.length > 0 ? undefined : fieldValues(form)
  if (values?.get('FORM_TYPE')?.join('\n') !== NS_SOFTWARE_INFO) return undefined
  const fields = [...values].filter(([name]) => name !== 'FORM_TYPE').map(([name, said]) => fieldOf(name, said))
  return fields.every((field) => field !== undefined) ? resultForm(NS_SOFTWARE_INFO, fields) : undefined
}

function fieldOf(name: string, values: readonly string[]): Field | undefined {
  if (name === 'ip_version') {
    return values.length <= MOST_PROTOCOLS && values.every((value) => PROTOCOL.test(value)) ? { name, type: 'text-multi', values } : undefined
  }
  const text = values.length === 1 ? matching(TEXT, values[0]) : undefined
  return text === undefined || !TEXT_FIELDS.has(name) ? undefined : { name, type: 'text-single', values: [text] }
}
