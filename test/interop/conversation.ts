import assert from 'node:assert/strict'
import type { ChatClient } from './chat-client.ts'

export interface Person {
  readonly jid: string
  readonly client: ChatClient
}

/** Lines without blanks at which a client could break them, each found nowhere else. */
export interface Script {
  readonly refused: readonly [string, string]
  readonly said: readonly (readonly [string, string])[]
}

export function newScript(): Script {
  const word = (hint: string) => `${hint}-${crypto.randomUUID().slice(0, 13)}`
  return {
    refused: [word('wherefore'), word('plainly')],
    said: [1, 2, 3, 4, 5].map((turn) => [word(`question${turn}`), word(`answer${turn}`)] as const),
  }
}

/** Both put each other on their rosters and see each other online. */
export async function becomeContacts(one: Person, other: Person): Promise<void> {
  await one.client.addContact(other.jid)
  await other.client.addContact(one.jid)
  await one.client.acceptContact(other.jid)
  await other.client.acceptContact(one.jid)
  await one.client.seesOnline(other.jid)
  await other.client.seesOnline(one.jid)
}

/** Before OTR, either says something plainly, is told that it was not sent, and the other's screen does not show it. */
export async function speakPlainly(one: Person, other: Person, { refused: [first, second] }: Script): Promise<void> {
  for (const [speaker, listener, line] of [[one, other, first], [other, one, second]] as const) {
    await speaker.client.say(listener.jid, line)
    await speaker.client.seesRefusal(listener.jid)
    assert.ok(!(await listener.client.screen()).includes(line), 'a plaintext message reached the other screen')
  }
}

/** `one` starts OTR; then they take turns, and each line is waited for on the other's screen as decrypted. */
export async function converse(one: Person, other: Person, { said }: Script): Promise<void> {
  await one.client.startOtr(other.jid)
  await other.client.seesOtr(one.jid)
  for (const [question, answer] of said) {
    await one.client.say(other.jid, question)
    await other.client.sees(one.jid, question)
    await other.client.say(one.jid, answer)
    await one.client.sees(other.jid, answer)
  }
}
