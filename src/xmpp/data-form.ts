import { element, type Element } from '../xml/element.ts'

export const NS_DATA_FORMS = 'jabber:x:data'

/** A field's type (XEP-0004 §3.3). */
type FieldType = 'boolean' | 'list-multi' | 'list-single' | 'text-multi' | 'text-single'

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly values: readonly string[]
}

/** A form of type result that says something about whoever sends it (XEP-0128 §2), named by its FORM_TYPE (XEP-0068). */
export function resultForm(formType: string, fields: readonly Field[]): Element {
  return element(NS_DATA_FORMS, 'x', { type: 'result' },
    field('FORM_TYPE', 'hidden', [formType]), ...fields.map(({ name, type, values }) => field(name, type, values)))
}

function field(name: string, type: FieldType | 'hidden', values: readonly string[]): Element {
  return element(NS_DATA_FORMS, 'field', { var: name, type },
    ...values.map((value) => element(NS_DATA_FORMS, 'value', {}, value)))
}
