import { element, type Element } from '../xml/element.ts'

export const NS_DATA_FORMS = 'jabber:x:data'

/** A field's type (XEP-0004 §3.3). */
type FieldType = 'boolean' | 'list-multi' | 'list-single' | 'text-multi' | 'text-single'

/** A field that somebody is to fill in, or that is to come back as it is. */
export interface Blank {
  readonly name: string
  readonly type: 'boolean' | 'hidden' | 'jid-multi' | 'jid-single' | 'text-multi' | 'text-private' | 'text-single'
  readonly label?: string
  readonly required?: boolean
  readonly value?: string | undefined
  /** What a field may have inside besides (XEP-0221). */
  readonly content?: Element
}

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

/** A form to be filled in (XEP-0004 §3.1). */
export function fillableForm(
  formType: string, { title, instructions }: { readonly title: string, readonly instructions: string }, blanks: readonly Blank[],
): Element {
  return element(NS_DATA_FORMS, 'x', { type: 'form' },
    element(NS_DATA_FORMS, 'title', {}, title),
    element(NS_DATA_FORMS, 'instructions', {}, instructions),
    field('FORM_TYPE', 'hidden', [formType]),
    ...blanks.map(({ name, type, label, required, value, content }) => element(NS_DATA_FORMS, 'field', { var: name, type, label },
      content,
      required === true ? element(NS_DATA_FORMS, 'required') : undefined,
      value === undefined ? undefined : element(NS_DATA_FORMS, 'value', {}, value))))
}

/**
 * What somebody filled in, of fields with one value each, by name; fields without a value are left out. Undefined
 * where it is no submission, is one of another form, or says something twice.
 */
export function submission(form: Element, formType: string): ReadonlyMap<string, string> | undefined {
  if (form.name !== 'x' || form.attrs['type'] !== 'submit') return undefined
  const single = new Map<string, string>()
  for (const [name, [value, ...more]] of fieldValues(form) ?? []) {
    if (more.length > 0) return undefined
    if (value !== undefined) single.set(name, value)
  }
  return single.get('FORM_TYPE') === formType ? single : undefined
}

/** All values of each field, by name; undefined where a field has no name, or one stands there twice. */
export function fieldValues(form: Element): ReadonlyMap<string, readonly string[]> | undefined {
  const values = new Map<string, readonly string[]>()
  for (const field of form.elements().filter((child) => child.is('field', NS_DATA_FORMS))) {
    const { var: name } = field.attrs
    if (name === undefined || values.has(name)) return undefined
    values.set(name, field.elements().filter((child) => child.is('value', NS_DATA_FORMS)).map((value) => value.content()))
  }
  return values
}

function field(name: string, type: FieldType | 'hidden', values: readonly string[]): Element {
  return element(NS_DATA_FORMS, 'field', { var: name, type },
    ...values.map((value) => element(NS_DATA_FORMS, 'value', {}, value)))
}
