/**
 * Writes test/otr/vectors/keys.jsonl, where it is not there, and ping-pong.jsonl: a genuine conversation of npm's otr
 * in which each turn brings a new key, with data messages of some 600 characters.
 * Run by hand: node dist/test/otr/record-ping-pong.js
 */
import { existsSync, writeFileSync } from 'node:fs'
import otr from 'otr'

const TURNS = 160
/** A data message with one revealed MAC key then has a body of about 600 characters. */
const TEXT_CHARACTERS = 165

const keysFile = new URL('../../../test/otr/vectors/keys.jsonl', import.meta.url)
if (!existsSync(keysFile)) {
  const lines = Array.from({ length: 3 }, () => JSON.stringify({ dsa: new otr.DSA().packPrivate() }))
  writeFileSync(keysFile, `${lines.join('\n')}\n`)
}
const { converse, KEYS } = await import('./party.ts')

const [romeo, juliet] = KEYS
if (romeo === undefined || juliet === undefined) throw new Error('there are no keys')
const texts = Array.from({ length: TURNS }, (_, turn) => `${turn}: ${'parting is such sweet sorrow '.repeat(9)}`.slice(0, TEXT_CHARACTERS))
const said = await converse([romeo, juliet], texts, { version: 3 })
writeFileSync(new URL('../../../test/otr/vectors/ping-pong.jsonl', import.meta.url), said.map((one) => `${JSON.stringify(one)}\n`).join(''))
console.log(`${said.length} messages, the last of ${said.at(-1)?.body.length} characters`)
