import assert from 'node:assert/strict'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT, NS_DISCO_ITEMS } from '../../src/xmpp/namespaces.ts'
import { conditionOf } from './applicant.ts'
import type { XmppClient } from './xmpp-client.ts'

const NS_COMMANDS = 'http://jabber.org/protocol/commands'
const NS_DATA_FORMS = 'jabber:x:data'

export type Answers = Readonly<Record<string, string | readonly string[]>>

/** What came of a command. */
export interface Outcome {
  /** Of the stanza error, where there is one. */
  readonly refused: string | undefined
  readonly status: string | undefined
  readonly note: string
  readonly noteType: string | undefined
  /** Of the form that was shown last. */
  readonly instructions: string
  /** By field. */
  readonly result: Readonly<Record<string, string>>
  readonly stanza: Element
}

/** Runs an ad-hoc command at the client's own server, with what is filled in at each stage. */
export async function runCommand(client: XmppClient, node: string, ...stages: readonly Answers[]): Promise<Outcome> {
  const to = client.jid.replace(/^.*@|\/.*$/g, '')
  const ask = (attributes: Record<string, string>, ...content: Element[]): Promise<Element> =>
    client.request(element(NS_CLIENT, 'iq', { type: 'set', to }, element(NS_COMMANDS, 'command', { node, ...attributes }, ...content)))
  let answer = await ask({})
  for (const stage of stages) {
    const command = answer.child('command', NS_COMMANDS) ?? assert.fail(`${node}: ${conditionOf(answer)}`)
    const form = command.child('x', NS_DATA_FORMS) ?? assert.fail(`${node}: no form`)
    const hidden = form.elements().filter(({ attrs }) => attrs['type'] === 'hidden')
    answer = await ask({ sessionid: command.attrs['sessionid'] ?? '' }, element(NS_DATA_FORMS, 'x', { type: 'submit' }, ...hidden,
      ...Object.entries(stage).map(([name, value]) => element(NS_DATA_FORMS, 'field', { var: name },
        ...[value].flat().map((one) => element(NS_DATA_FORMS, 'value', {}, one))))))
  }
  const command = answer.child('command', NS_COMMANDS)
  const fields = command?.child('x', NS_DATA_FORMS)?.elements().filter(({ name }) => name === 'field') ?? []
  return {
    refused: conditionOf(answer),
    status: command?.attrs['status'],
    note: command?.childContent('note', NS_COMMANDS) ?? '',
    noteType: command?.child('note', NS_COMMANDS)?.attrs['type'],
    instructions: command?.child('x', NS_DATA_FORMS)?.childContent('instructions', NS_DATA_FORMS) ?? '',
    result: Object.fromEntries(fields.map((field) => [field.attrs['var'] ?? '', field.childContent('value', NS_DATA_FORMS) ?? ''])),
    stanza: answer,
  }
}

/** Nodes of the commands that the client's own server lists for it. */
export async function listedCommands(client: XmppClient): Promise<readonly string[]> {
  const to = client.jid.replace(/^.*@|\/.*$/g, '')
  const answer = await client.request(element(NS_CLIENT, 'iq', { type: 'get', to }, element(NS_DISCO_ITEMS, 'query', { node: NS_COMMANDS })))
  return answer.child('query', NS_DISCO_ITEMS)?.elements().map(({ attrs }) => attrs['node'] ?? '') ?? []
}
