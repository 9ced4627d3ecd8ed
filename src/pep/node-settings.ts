import type { PepLimits } from '../config/schema.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_DATA_FORMS } from '../xmpp/data-form.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'
import { ACCESS_MODELS, type Access, type NodeKind } from './node-kinds.ts'

/** What can be chosen of a node (XEP-0060 §8.2). */
export interface NodeSettings {
  readonly access: Access
  readonly maxItems: number
  /** The last item goes to whoever becomes available (XEP-0163 §4.3.4). */
  readonly sendsLast: boolean
}

/** Fields of a form that was filled in, by name; each has its values. */
export type Fields = ReadonlyMap<string, string>

export const NS_NODE_CONFIG = 'http://jabber.org/protocol/pubsub#node_config'
export const NS_PUBLISH_OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options'

const BAD_REQUEST = new StanzaError('bad-request')
const NOT_ACCEPTABLE = new StanzaError('not-acceptable')
const MOST_FIELDS = 64
const WHOLE_NUMBER = /^[0-9]{1,9}$/

/** What cannot be chosen, and how it is. Every boolean is written in either way (XEP-0004 §3.3). */
const FIXED: Readonly<Record<string, string>> = {
  'pubsub#persist_items': '1', 'pubsub#deliver_payloads': '1', 'pubsub#deliver_notifications': '1',
  'pubsub#notify_retract': '1', 'pubsub#notify_delete': '1', 'pubsub#notify_config': '0', 'pubsub#notify_sub': '0',
  'pubsub#purge_offline': '0', 'pubsub#presence_based_delivery': '1',
  'pubsub#publish_model': 'publishers', 'pubsub#notification_type': 'headline', 'pubsub#node_type': 'leaf',
}

/** XEP-0163 §5: the defaults; undefined where somebody has to ask for an access model first. */
export function standardSettings(kind: NodeKind, limits: PepLimits): NodeSettings | undefined {
  if (kind.access === undefined) return undefined
  return { access: kind.access, maxItems: kind.isSingle ? 1 : limits.items, sendsLast: true }
}

/** The fields of a submitted form of that type. */
export function fieldsOf(form: Element | undefined, formType: string): Fields | StanzaError {
  if (form === undefined || form.attrs['type'] !== 'submit') return BAD_REQUEST
  const fields = new Map<string, string>()
  for (const field of form.elements()) {
    if (!field.is('field', NS_DATA_FORMS) || fields.size > MOST_FIELDS) return BAD_REQUEST
    const name = field.attrs['var']
    if (name === undefined || fields.has(name)) return BAD_REQUEST
    fields.set(name, field.childContent('value', NS_DATA_FORMS) ?? '')
  }
  const given = fields.get('FORM_TYPE')
  fields.delete('FORM_TYPE')
  return given === formType ? fields : BAD_REQUEST
}

/** The settings with what the fields say; not-acceptable (XEP-0060 §8.2.4) for what cannot be had, or is not known. */
export function changed(settings: NodeSettings | undefined, fields: Fields, kind: NodeKind, limits: PepLimits): NodeSettings | StanzaError {
  let { access, maxItems, sendsLast } = settings ?? { access: undefined, maxItems: limits.items, sendsLast: true }
  for (const [name, value] of fields) {
    switch (name) {
      case 'pubsub#access_model':
        access = ACCESS_MODELS.find((model) => model === value && kind.models.includes(model))
        if (access === undefined) return NOT_ACCEPTABLE
        break
      case 'pubsub#max_items': {
        const most = numberOf(value, limits)
        if (most === undefined) return NOT_ACCEPTABLE
        maxItems = most
        break
      }
      case 'pubsub#send_last_published_item':
        if (value !== 'never' && value !== 'on_sub_and_presence') return NOT_ACCEPTABLE
        sendsLast = value !== 'never'
        break
      default:
        if (!isFixed(name, value)) return NOT_ACCEPTABLE
    }
  }
  return access === undefined ? NOT_ACCEPTABLE : { access, maxItems, sendsLast }
}

/** XEP-0060 §7.1.5: "each precondition field against the node configuration of the same name", and no unknown ones. */
export function meets({ access, maxItems, sendsLast }: NodeSettings, fields: Fields, limits: PepLimits): boolean {
  return [...fields].every(([name, value]) => {
    switch (name) {
      case 'pubsub#access_model': return value === access
      case 'pubsub#max_items': return numberOf(value, limits) === maxItems
      case 'pubsub#send_last_published_item': return value === sending(sendsLast)
      default: return isFixed(name, value)
    }
  })
}

/** XEP-0060 §8.2.1: the form by which the owner changes them. */
export function settingsForm({ access, maxItems, sendsLast }: NodeSettings, models: readonly Access[]): Element {
  return element(NS_DATA_FORMS, 'x', { type: 'form' },
    field('FORM_TYPE', 'hidden', NS_NODE_CONFIG),
    field('pubsub#access_model', 'list-single', access, models),
    field('pubsub#max_items', 'text-single', String(maxItems)),
    field('pubsub#send_last_published_item', 'list-single', sending(sendsLast), ['never', 'on_sub_and_presence']),
    ...Object.entries(FIXED).map(([name, value]) => field(name, isBoolean(value) ? 'boolean' : 'list-single', value, isBoolean(value) ? [] : [value])))
}

function field(name: string, type: string, value: string, options: readonly string[] = []): Element {
  return element(NS_DATA_FORMS, 'field', { var: name, type }, valueElement(value),
    ...options.map((option) => element(NS_DATA_FORMS, 'option', {}, valueElement(option))))
}

function valueElement(value: string): Element {
  return element(NS_DATA_FORMS, 'value', {}, value)
}

function sending(sendsLast: boolean): string {
  return sendsLast ? 'on_sub_and_presence' : 'never'
}

function isFixed(name: string, value: string): boolean {
  const fixed = Object.hasOwn(FIXED, name) ? FIXED[name] : undefined
  return fixed !== undefined && (value === fixed || (isBoolean(fixed) && value === (fixed === '1' ? 'true' : 'false')))
}

function isBoolean(value: string): boolean {
  return value === '0' || value === '1'
}

/** "max" is as many as there may be; who asks for more gets those. */
function numberOf(value: string, { items }: PepLimits): number | undefined {
  if (value === 'max') return items
  return WHOLE_NUMBER.test(value) && Number(value) > 0 ? Math.min(Number(value), items) : undefined
}
