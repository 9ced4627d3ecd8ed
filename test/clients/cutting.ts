import assert from 'node:assert/strict'
import { setTimeout as passed } from 'node:timers/promises'
import { element, type Element } from '../../src/xml/element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import type { Chance } from '../tornet/chance.ts'
import { numberedBody, numberIn } from '../tornet/numbered.ts'
import { ResumingClient, type Cut } from './resuming-client.ts'
import { XmppClient, type ClientOptions } from './xmpp-client.ts'

const PATIENCE_MILLISECONDS = 60_000
const FOR_EVER = 2 ** 31 - 1
/** Fewer than the server keeps for a session that is away. */
const MOST_UNREAD = 500

export interface Cutting {
  /** Of Juliet, whose connection is cut; asked for anew for each one. */
  readonly juliet: () => ClientOptions
  /** Of Romeo, whose is not. */
  readonly romeo: ClientOptions
  readonly cuts: number
  readonly chance: Chance
  /** Milliseconds that a connection lasts at the longest, from its first byte on. */
  readonly longest: number
}

export interface Outcome {
  readonly toJuliet: number
  readonly toRomeo: number
  readonly resumptions: number
  /** Cuts before the session went on. */
  readonly early: number
}

/** Both write numbered messages all the time; every number must arrive, once, and in order. @throws AssertionError, Error */
export async function cutOften({ juliet: options, romeo: romeosOptions, cuts, chance, longest }: Cutting): Promise<Outcome> {
  const [readByJuliet, readByRomeo]: [number[], number[]] = [[], []]
  const others: string[] = []
  const read = (by: number[], stanza: Element): void => {
    const body = stanza.childContent('body', NS_CLIENT)
    if (stanza.name === 'message' && stanza.attrs['type'] === 'chat' && body !== undefined) by.push(numberIn(body))
    else others.push(`${stanza.name} ${stanza.attrs['type']}`)
  }
  const romeo = await XmppClient.login(romeosOptions)
  await romeo.appear()
  const juliet = await ResumingClient.login(options, (stanza) => read(readByJuliet, stanza))
  const listening = listen(romeo, (stanza) => read(readByRomeo, stanza))
  const julietsJid = options().jid

  let running = true
  const written = { juliet: 0, romeo: 0 }
  const write = async (who: 'juliet' | 'romeo', read: readonly number[], say: (number: number) => void): Promise<void> => {
    for (; running; await passed(chance.below(8))) if (written[who] - read.length < MOST_UNREAD) say(written[who] += 1)
  }
  const writing = Promise.all([
    write('juliet', readByRomeo, (number) => juliet.write(numbered(romeo.jid, number))),
    write('romeo', readByJuliet, (number) => romeo.send(numbered(julietsJid, number))),
  ])
  let early = 0
  try {
    for (let cut = 0; cut < cuts;) {
      // One time of three she may be cut before she is back; more would on a busy machine let her never come back.
      const returning = juliet.comeBack()
      await (chance.below(3) === 0 ? Promise.race([returning, passed(chance.below(longest))]) : returning)
      if (juliet.there) await passed(chance.below(longest / 4))
      const { there } = juliet
      const how: Cut = chance.below(4) === 0 ? 'hang' : 'drop'
      if (!juliet.cut(how)) continue
      if (there) cut += 1
      else early += 1
    }
    await juliet.comeBack()
  } finally {
    running = false
    await writing
  }
  const isAll = (): boolean => readByJuliet.length >= written.romeo && readByRomeo.length >= written.juliet && juliet.unacknowledged === 0
  for (const deadline = Date.now() + PATIENCE_MILLISECONDS; !isAll() && Date.now() < deadline; await passed(20)) juliet.ask()
  const outcome = { toJuliet: readByJuliet.length, toRomeo: readByRomeo.length, resumptions: juliet.resumptions, early }
  await juliet.leave()
  romeo.cut()
  await listening
  assert.deepEqual(readByJuliet, upTo(written.romeo), 'what Romeo wrote to Juliet')
  assert.deepEqual(readByRomeo, upTo(written.juliet), 'what Juliet wrote to Romeo')
  assert.deepEqual(others, [], 'nobody was told of anything else: no error, no presence')
  return outcome
}

async function listen(client: XmppClient, heard: (stanza: Element) => void): Promise<void> {
  for (;;) {
    const stanza = await client.stream.next(() => true, 'anything', FOR_EVER).catch(() => undefined)
    if (stanza === undefined) return
    heard(stanza)
  }
}

function numbered(to: string, number: number): Element {
  return element(NS_CLIENT, 'message', { type: 'chat', to, id: String(number) }, element(NS_CLIENT, 'body', {}, numberedBody(number)))
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}
