/*
 * Microseconds of CPU per stanza for reading and writing. Not a test: run `node dist/test/bench/xml.js`.
 * Rounds take turns; the best of them is the least disturbed one.
 */
import type { Element } from '../../src/xml/element.ts'
import { StreamParser } from '../../src/xml/parser.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import { HEADER, LIMITS } from '../xml/recorder.ts'

const ROUNDS = 9
const TIMES = 20_000
const CHUNK = 16_384

const message = '<message to=\'juliet@capulet.lit/balcony\' type=\'chat\' id=\'m-000000-00000001\'>' +
  `<body>?OTR:${'AAMDEjRWeJq83v'.repeat(40)}.</body></message>`
const presence = '<presence from=\'juliet@capulet.lit/balcony\'><show>away</show><status>I shall be back</status><priority>5</priority>' +
  '<c xmlns=\'http://jabber.org/protocol/caps\' hash=\'sha-1\' node=\'https://example.org\' ver=\'QgayPKawpkPSDYmwT/WM94uAlu0=\'/></presence>'
const cyrillic = presence.replace('I shall be back', '\u0441\u043a\u043e\u0440\u043e \u0432\u0435\u0440\u043d\u0443\u0441\u044c')

class Reader {
  last: Element | undefined
  readonly parser = new StreamParser({
    streamOpened: () => undefined,
    received: (element) => { this.last = element },
    streamClosed: () => undefined,
  }, LIMITS)

  constructor() {
    this.parser.write(Buffer.from(HEADER))
  }
}

function read(stanza: string): Element {
  const reader = new Reader()
  reader.parser.write(Buffer.from(stanza))
  if (reader.last === undefined) throw new TypeError('not one stanza')
  return reader.last
}

/** One stanza after the other, each in a chunk of its own, as on a quiet stream. */
function reading(stanza: string): () => void {
  const reader = new Reader()
  const bytes = Buffer.from(stanza)
  return () => { for (let time = 0; time < TIMES; time++) reader.parser.write(bytes) }
}

/** The same in chunks that cut stanzas anywhere, as on a busy stream. */
function readingInChunks(stanza: string): () => void {
  const bytes = Buffer.from(stanza.repeat(TIMES))
  return () => {
    const reader = new Reader()
    for (let at = 0; at < bytes.length; at += CHUNK) reader.parser.write(bytes.subarray(at, at + CHUNK))
  }
}

function writing(stanza: string): () => void {
  const element = read(stanza)
  return () => { for (let time = 0; time < TIMES; time++) Buffer.from(serialize(element, 'jabber:server')) }
}

/** One element to many recipients. */
function broadcasting(stanza: string): () => void {
  const element = read(stanza)
  return () => {
    for (let time = 0; time < TIMES; time++) Buffer.from(serialize(element.with({ to: `n${time % 100}@capulet.lit` }), 'jabber:server'))
  }
}

const subjects: readonly [string, () => void][] = [
  ['read a message', reading(message)],
  ['read a message, chunks of 16 kB', readingInChunks(message)],
  ['read a presence', reading(presence)],
  ['read a presence beyond ASCII', reading(cyrillic)],
  ['write a message', writing(message)],
  ['write a presence', writing(presence)],
  ['write a presence to another each time', broadcasting(presence)],
  ['parse a JID seen before', () => { for (let time = 0; time < TIMES; time++) Jid.parse('juliet@capulet.lit/balcony') }],
  ['parse a JID never seen', () => { for (let time = 0; time < TIMES; time++) Jid.parse(`n${Math.random()}@capulet.lit`) }],
]

const best = subjects.map(() => Infinity)
for (let round = 0; round < ROUNDS; round++) {
  for (const [index, [, run]] of subjects.entries()) {
    const start = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(start)
    best[index] = Math.min(best[index] ?? Infinity, (user + system) / TIMES)
  }
}
for (const [index, [title]] of subjects.entries()) console.log(`${(best[index] ?? 0).toFixed(2).padStart(7)} µs  ${title}`)
