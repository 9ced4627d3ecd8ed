import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { TestHouse, type HouseOptions } from '../house.ts'

const INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"

/** The forms of a domain: FORM_TYPE to its fields, each with its type and values. */
function forms(config: HouseOptions['config'] = {}, address = 'capulet.lit'): Record<string, Record<string, string>> {
  const juliet = new TestHouse({ extensions, config }).connect('juliet@capulet.lit/balcony')
  juliet.says(`<iq to='${address}' id='i' type='get'>${INFO}</iq>`)
  const all = juliet.heard()[0]?.elements()[0]?.elements().filter((child) => child.is('x', 'jabber:x:data')) ?? []
  return Object.fromEntries(all.map((form) => {
    assert.equal(form.attrs['type'], 'result')
    const fields = form.elements().map((field) => [field.attrs['var'] ?? '',
      `${field.attrs['type']}: ${field.elements().map((value) => value.content()).join(' ')}`] as const)
    const [[name, type] = ['', ''], ...rest] = fields
    assert.equal(name, 'FORM_TYPE')
    return [type.replace('hidden: ', ''), Object.fromEntries(rest)]
  }))
}

describe('XEP-0128: what a domain says of itself', () => {
  test('XEP-0504 §3: how it handles data', () => {
    assert.deepEqual(forms()['urn:xmpp:data-policy:0'], {
      auth_data: 'list-single: plain',
      data_retention: 'text-single: 0',
      data_deletion: 'boolean: true',
      encryption_at_rest: 'boolean: false',
      data_export: 'boolean: false',
      access_policy: 'list-multi: admins',
      full_erasure: 'boolean: true',
      backup_retention: 'text-single: unknown',
    })
  })

  test('XEP-0504 §3.8: where there are pages to sign in on, people can have all that is held of them', () => {
    const listeners = [{ kind: 'https', port: 5281, domains: ['capulet.lit'] }]
    const exported = (address: string): string | undefined => forms({ listeners }, address)['urn:xmpp:data-policy:0']?.['data_export']
    assert.deepEqual([exported('capulet.lit'), exported('montague.lit')], ['boolean: true', 'boolean: false'])
  })

  test('XEP-0504 §3.1: where PLAIN is switched off no password is ever seen', () => {
    assert.equal(forms({ auth: { plain: false } })['urn:xmpp:data-policy:0']?.['auth_data'], 'list-single: hidden')
  })

  test('our own form: OTR, its versions, nothing offline, no group chat', () => {
    assert.deepEqual(forms()['urn:sotto:e2ee-policy:0'], {
      policy: 'list-single: otr', otr_versions: 'list-multi: 2 3', offline: 'list-single: no', groupchat: 'list-single: no',
    })
  })

  test('our own form follows the configuration', () => {
    const narrow = forms({ policy: { otr_versions: ['3'] } })
    assert.equal(narrow['urn:sotto:e2ee-policy:0']?.['otr_versions'], 'list-multi: 3')
  })

  test('an account has no such forms', () => {
    assert.deepEqual(forms({}, 'juliet@capulet.lit'), {})
  })
})
