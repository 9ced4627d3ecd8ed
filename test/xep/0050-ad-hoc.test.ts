import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { extensions } from '../../src/extensions.ts'
import { BAD_PAYLOAD, type AdHocCommand, type AdHocStage } from '../../src/routing/ad-hoc.ts'
import type { Extension } from '../../src/routing/extension.ts'
import type { Element } from '../../src/xml/element.ts'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { TestHouse, WITHOUT_POLICY, type TestClient } from '../house.ts'

const NS = 'http://jabber.org/protocol/commands'
const NS_FORM = 'jabber:x:data'
const NS_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas'

describe('XEP-0050: Ad-Hoc Commands', () => {
  let house: TestHouse
  let juliet: TestClient
  let done: string[]
  beforeEach(() => {
    done = []
    house = new TestHouse({ extensions: [...WITHOUT_POLICY, commands(done)] })
    juliet = house.connect('juliet@capulet.lit/balcony')
  })

  /** What is answered; `attributes` and `content` of <command/>. */
  const run = async (client: TestClient, attributes: string, content = '', to = 'capulet.lit'): Promise<Element> => {
    client.says(`<iq to='${to}' id='c' type='set'><command xmlns='${NS}' ${attributes}>${content}</command></iq>`)
    await house.settled()
    const [answer, ...more] = client.heard()
    assert.ok(answer)
    assert.deepEqual(more, [])
    return answer
  }
  const command = (answer: Element): Element => answer.child('command', NS) ?? assert.fail(`no command: ${answer.attrs['type']}`)
  const begin = async (client = juliet, node = 'wed'): Promise<string> => command(await run(client, `node='${node}'`)).attrs['sessionid'] ?? ''
  const form = (value: string, extra = ''): string =>
    `<x xmlns='${NS_FORM}' type='submit'><field var='groom'><value>${value}</value></field>${extra}</x>`
  /** Condition, type and, where there is one, the condition of XEP-0050. */
  const error = (answer: Element): string => {
    const given = answer.child('error', 'jabber:client')
    return [given?.elements().find(({ namespace }) => namespace === NS_ERRORS)?.name, given?.attrs['type'],
      given?.elements().find(({ namespace }) => namespace === NS)?.name].filter((word) => word !== undefined).join(' ')
  }
  const disco = (client: TestClient, what: 'info' | 'items', node: string, to = 'capulet.lit'): Element => {
    client.says(`<iq to='${to}' id='d' type='get'><query xmlns='http://jabber.org/protocol/disco#${what}' node='${node}'/></iq>`)
    return client.heard()[0] ?? assert.fail('no answer')
  }

  test('XEP-0050 §2.1: the server says that it has commands', () => {
    juliet.says("<iq to='capulet.lit' id='d' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    const query = juliet.heard()[0]?.elements()[0]
    assert.ok(query?.elements().some(({ attrs }) => attrs['var'] === NS))
  })

  test('XEP-0050 §2.2: whoever may use a command finds it in the list, and nobody else does', () => {
    const items = (client: TestClient): (string | undefined)[] => disco(client, 'items', NS).elements()[0]?.elements().map(({ attrs }) => attrs['node']) ?? []
    assert.deepEqual(items(juliet), ['wed', 'greet', 'refuse'])
    assert.deepEqual(items(house.connect('nurse@capulet.lit/street')), ['greet', 'refuse'])
    assert.equal(disco(juliet, 'info', NS).elements()[0]?.elements()[0]?.attrs['type'], 'command-list')
  })

  test('XEP-0050 §2.2: "A responder MUST at least provide" identity and feature of a command', () => {
    const [identity, ...features] = disco(juliet, 'info', 'wed').elements()[0]?.elements() ?? []
    assert.deepEqual({ ...identity?.attrs }, { category: 'automation', type: 'command-node', name: 'Wed' })
    assert.deepEqual(features.map(({ attrs }) => attrs['var']), [NS, NS_FORM])
  })

  test('a command that one may not use, and one that there is not, cannot be told apart', async () => {
    const nurse = house.connect('nurse@capulet.lit/street')
    for (const node of ['wed', 'divorce']) {
      assert.equal(error(await run(nurse, `node='${node}'`)), 'item-not-found cancel')
      assert.equal(error(disco(nurse, 'info', node)), 'item-not-found cancel')
    }
    assert.deepEqual(done, [])
  })

  test('other servers, and clients of another domain here, find no command and run none', async () => {
    const romeo = house.connect('romeo@montague.lit/orchard')
    assert.equal(error(await run(romeo, "node='greet'")), 'item-not-found cancel')
    house.remoteSays(`<iq from='juliet@verona.lit/balcony' to='capulet.lit' id='r' type='set'><command xmlns='${NS}' node='greet'/></iq>`)
    house.remoteSays(`<iq from='juliet@verona.lit/balcony' to='capulet.lit' id='r' type='get'>
      <query xmlns='http://jabber.org/protocol/disco#items' node='${NS}'/></iq>`)
    await house.settled()
    const [refused, listed] = house.departed.splice(0).sort((one) => one.attrs['type'] === 'error' ? -1 : 1)
    assert.equal(error(refused ?? assert.fail()), 'item-not-found cancel')
    assert.deepEqual(listed?.elements()[0]?.elements(), [])
    assert.deepEqual(done, [])
  })

  test('no command is run at an account, or by get', async () => {
    for (const to of ['juliet@capulet.lit', 'nurse@capulet.lit']) assert.match(error(await run(juliet, "node='greet'", '', to)), /^(service-unavailable|forbidden)/)
    juliet.says(`<iq to='capulet.lit' id='g' type='get'><command xmlns='${NS}' node='greet'/></iq>`)
    assert.equal(error(juliet.heard()[0] ?? assert.fail()), 'service-unavailable cancel')
  })

  test('XEP-0050 §2.4.1: a command that asks for nothing is completed at once', async () => {
    const answer = command(await run(juliet, "node='greet' action='execute'"))
    assert.equal(answer.attrs['status'], 'completed')
    assert.equal(answer.attrs['xml:lang'], 'en')
    assert.equal(answer.childContent('note', NS), 'Good morrow')
  })

  test('XEP-0050 §2.4.2: stage after stage, back and forth, and what it stands for is done at the end', async () => {
    const first = command(await run(juliet, "node='wed'"))
    const sessionid = first.attrs['sessionid'] ?? ''
    assert.equal(first.attrs['status'], 'executing')
    assert.equal(first.child('actions', NS)?.attrs['execute'], 'next')
    assert.deepEqual(first.child('actions', NS)?.elements().map(({ name }) => name), ['next'])
    const at = `node='wed' sessionid='${sessionid}'`
    const second = command(await run(juliet, `${at} action='next'`, form('Romeo')))
    assert.deepEqual(second.child('actions', NS)?.elements().map(({ name }) => name), ['prev', 'complete'])
    assert.equal(second.child('actions', NS)?.attrs['execute'], 'complete')
    assert.equal(second.attrs['sessionid'], sessionid)
    assert.deepEqual(command(await run(juliet, `${at} action='prev'`)).child('actions', NS)?.elements().map(({ name }) => name), ['next'])
    await run(juliet, at, form('Paris'))
    assert.deepEqual(done, [])
    assert.equal(command(await run(juliet, `${at} action='complete'`)).attrs['status'], 'completed')
    assert.deepEqual(done, ['Paris'])
  })

  test('XEP-0050 §2.4.3: "The responder MUST reply with the success" of canceling, and then the session is over', async () => {
    const at = `node='wed' sessionid='${await begin()}'`
    const canceled = command(await run(juliet, `${at} action='cancel'`))
    assert.equal(canceled.attrs['status'], 'canceled')
    assert.deepEqual(canceled.elements(), [])
    assert.equal(error(await run(juliet, at, form('Romeo'))), 'not-allowed cancel session-expired')
  })

  test('XEP-0050 §3.6: what failed has a note of type error', async () => {
    const at = `node='wed' sessionid='${await begin()}'`
    await run(juliet, at, form('Tybalt'))
    const answer = command(await run(juliet, at))
    assert.equal(answer.attrs['status'], 'completed')
    assert.equal(answer.child('note', NS)?.attrs['type'], 'error')
  })

  test('XEP-0050 §4.1: a request without a node, which "MUST be present", is a bad request, and so is an empty session id', async () => {
    assert.equal(error(await run(juliet, '')), 'bad-request modify')
    assert.equal(error(await run(juliet, "node='greet' sessionid=''")), 'bad-request modify bad-sessionid')
  })

  test('XEP-0050 §4.1: the status of a request "MUST" be ignored', async () => {
    for (const status of ['completed', 'canceled', 'nonsense']) {
      assert.equal(command(await run(juliet, `node='wed' status='${status}'`)).attrs['status'], 'executing')
    }
  })

  for (const [what, attributes, condition] of [
    ['no action that there is', "node='wed' action='elope'", 'malformed-action'],
    ['a step without a session', "node='wed' action='next'", 'bad-action'],
    ['the end of no session', "node='wed' action='complete'", 'bad-action'],
    ['a way back from nowhere', "node='wed' action='prev'", 'bad-action'],
    ['canceling nothing', "node='wed' action='cancel'", 'bad-sessionid'],
    ['a session that was never made here', "node='wed' sessionid='wed:20020923T213616Z-700'", 'bad-sessionid'],
  ] as const) {
    test(`XEP-0050 §4.4: ${what} is ${condition}`, async () => {
      assert.equal(error(await run(juliet, attributes)), `bad-request modify ${condition}`)
    })
  }

  for (const [what, content] of [
    ['no form', ''],
    ['a form without what is required', `<x xmlns='${NS_FORM}' type='submit'/>`],
    ['nothing but blanks', form('  ')],
    ['another form', form('Romeo', "<field var='FORM_TYPE'><value>urn:funeral</value></field>")],
    ['a field twice', form('Romeo', "<field var='groom'><value>Paris</value></field>")],
    ['a field without a name', form('Romeo', '<field><value>Paris</value></field>')],
    ['what the command does not take', form('Friar Laurence')],
  ] as const) {
    test(`XEP-0050 §4.4: ${what} is bad-payload, and the form can be sent again`, async () => {
      const at = `node='wed' sessionid='${await begin()}'`
      assert.equal(error(await run(juliet, at, content)), 'bad-request modify bad-payload')
      assert.equal(command(await run(juliet, at, form('Romeo'))).attrs['status'], 'executing')
    })
  }

  test('XEP-0050 §4.4: an action that a stage does not offer is bad-action, and the session goes on', async () => {
    const at = `node='wed' sessionid='${await begin()}'`
    for (const action of ['prev', 'complete']) assert.equal(error(await run(juliet, `${at} action='${action}'`, form('Romeo'))), 'bad-request modify bad-action')
    await run(juliet, at, form('Romeo'))
    assert.equal(error(await run(juliet, `${at} action='next'`)), 'bad-request modify bad-action')
    assert.equal(command(await run(juliet, at)).attrs['status'], 'completed')
  })

  test('XEP-0050 §4.4: a session of another command is bad-sessionid', async () => {
    assert.equal(error(await run(juliet, `node='greet' sessionid='${await begin()}'`)), 'bad-request modify bad-sessionid')
  })

  test('a refusal of the command is an error stanza, and the form can be sent again', async () => {
    const at = `node='refuse' sessionid='${await begin(juliet, 'refuse')}'`
    for (let times = 0; times < 2; times++) assert.equal(error(await run(juliet, at)), 'conflict cancel')
  })

  test('XEP-0050 §3.3: a session is of no use to another client, which hears that it is over', async () => {
    const sessionid = await begin()
    const orchard = house.connect('juliet@capulet.lit/orchard')
    assert.equal(error(await run(orchard, `node='wed' sessionid='${sessionid}'`, form('Paris'))), 'not-allowed cancel session-expired')
    assert.equal(command(await run(juliet, `node='wed' sessionid='${sessionid}'`, form('Romeo'))).attrs['status'], 'executing')
  })

  test('a session ends with its time, with its client, and with a sixth of the account', async () => {
    const expired = 'not-allowed cancel session-expired'
    const late = await begin()
    house.clock.advance(600_001)
    assert.equal(error(await run(juliet, `node='wed' sessionid='${late}'`, form('Romeo'))), expired)
    const sessions: string[] = []
    for (let n = 0; n < 6; n++) sessions.push(await begin())
    assert.equal(error(await run(juliet, `node='wed' sessionid='${sessions[0]}'`, form('Romeo'))), expired)
    assert.equal(command(await run(juliet, `node='wed' sessionid='${sessions[1]}'`, form('Romeo'))).attrs['status'], 'executing')
    juliet.leaves()
    juliet = house.connect('juliet@capulet.lit/balcony')
    assert.equal(error(await run(juliet, `node='wed' sessionid='${sessions[5]}'`, form('Romeo'))), expired)
  })

  test('session ids are not to be guessed, and a form that comes twice at once is dealt with once', async () => {
    const [one, other] = [await begin(), await begin()]
    assert.notEqual(one, other)
    assert.match(one, /^[A-Za-z0-9_-]{22}$/)
    await run(juliet, `node='wed' sessionid='${one}'`, form('Romeo'))
    const twice = `<iq to='capulet.lit' id='c' type='set'><command xmlns='${NS}' node='wed' sessionid='${one}'/></iq>`
    juliet.says(twice + twice)
    await house.settled()
    assert.deepEqual(juliet.heard().map(({ attrs }) => attrs['type']).sort(), ['error', 'result'])
    assert.deepEqual(done, ['Romeo'])
  })

  test('no command goes to a client: under the policy a set between people is refused', async () => {
    house = new TestHouse({ extensions })
    const nurse = await house.login('nurse@capulet.lit/street')
    juliet = await house.login('juliet@capulet.lit/balcony')
    assert.equal(error(await run(juliet, "node='greet'", '', 'nurse@capulet.lit/street')), 'service-unavailable cancel')
    nurse.hears()
  })
})

/** Juliet alone may wed; greeting is for all, and `refuse` refuses. */
function commands(done: string[]): Extension {
  const stage = (isLast: boolean, fields: AdHocStage['fields'], submit: AdHocStage['submit']): AdHocStage =>
    ({ formType: 'urn:wedding', title: 'Wedding', instructions: 'Say who.', fields, isLast, submit })
  const wed: AdHocCommand = {
    node: 'wed',
    name: 'Wed',
    mayUse: ({ account }) => account.local === 'juliet',
    begin: () => stage(false, [{ name: 'groom', type: 'text-single', required: true }], (filled) => {
      const [groom = ''] = filled('groom')
      return groom === 'Friar Laurence' ? BAD_PAYLOAD : stage(true, [], async () => {
        done.push(groom)
        return { done: { note: groom === 'Tybalt' ? { type: 'error', text: 'He is dead' } : { type: 'info', text: 'Wed' } } }
      })
    }),
  }
  return {
    name: 'test-commands',
    implements: [],
    install: () => ({ adHoc: [
      wed,
      { node: 'greet', name: 'Greet', mayUse: () => true, begin: () => ({ done: { note: { type: 'info', text: 'Good morrow' } } }) },
      { node: 'refuse', name: 'Refuse', mayUse: () => true, begin: () => stage(true, [], () => new StanzaError('conflict')) },
    ] }),
  }
}
