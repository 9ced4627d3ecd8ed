import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { TestHouse, type TestClient } from '../house.ts'

const REPORT = `xmlns='urn:xmpp:reporting:1'`

async function ruled(): Promise<{ house: TestHouse, nurse: TestClient, juliet: TestClient }> {
  const house = new TestHouse({ config: { operators: ['nurse@capulet.lit'] } })
  return { house, nurse: await house.login('nurse@capulet.lit/kitchen'), juliet: await house.login('juliet@capulet.lit/chamber') }
}

const block = (report: string, id = 'b'): string =>
  `<iq type='set' id='${id}'><block xmlns='urn:xmpp:blocking'><item jid='tybalt@capulet.lit'>${report}</item></block></iq>`
const told = (client: TestClient): string[] => client.heard().map((stanza) => stanza.childContent('body', 'jabber:client') ?? stanza.name)

describe('XEP-0377: Blocking Command Reports', () => {
  test('XEP-0377 §3: the feature is announced', async () => {
    const { juliet } = await ruled()
    juliet.says(`<iq type='get' id='d' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`)
    assert.match(juliet.heard().join(''), /urn:xmpp:reporting:1/)
  })

  test('XEP-0377 §6: the JID is blocked, and the operators learn who was reported, not by whom, nor what was said of it', async () => {
    const { house, nurse, juliet } = await ruled()
    juliet.says(block(`<report ${REPORT} reason='urn:xmpp:reporting:spam'><text>He bores me</text></report>`))
    await house.settled()
    juliet.hears(`<iq from='juliet@capulet.lit' to='juliet@capulet.lit/chamber' id='b' type='result'/>`)
    const [text = ''] = told(nurse)
    assert.match(text, /tybalt@capulet\.lit.*spam/)
    assert.doesNotMatch(text, /juliet|bores/)
    const tybalt = await house.login('tybalt@capulet.lit/street')
    tybalt.says(`<message to='juliet@capulet.lit/chamber'><body>Hi</body></message>`)
    assert.deepEqual(told(juliet), [])
  })

  test('XEP-0377 §4: without a reason that is known nothing is told, and the JID is blocked all the same', async () => {
    for (const report of [`<report ${REPORT}/>`, `<report ${REPORT} reason='urn:nothing'/>`, '']) {
      const { house, nurse, juliet } = await ruled()
      juliet.says(block(report))
      await house.settled()
      juliet.hears(`<iq from='juliet@capulet.lit' to='juliet@capulet.lit/chamber' id='b' type='result'/>`)
      assert.deepEqual(told(nurse), [])
    }
  })

  test('the other clients of the account learn of the block, and not of the report', async () => {
    const { house, juliet } = await ruled()
    juliet.says(`<iq type='get' id='l'><blocklist xmlns='urn:xmpp:blocking'/></iq>`)
    juliet.forget()
    juliet.says(block(`<report ${REPORT} reason='urn:xmpp:reporting:abuse'/>`))
    await house.settled()
    assert.doesNotMatch(juliet.heard().join(''), /reporting/)
  })

  test('a flood of reports of one account is told ten times an hour', async () => {
    const { house, nurse, juliet } = await ruled()
    const flood = (): void => { for (let count = 0; count < 15; count++) juliet.says(block(`<report ${REPORT} reason='urn:xmpp:reporting:spam'/>`, `b${count}`)) }
    flood()
    assert.equal(told(nurse).length, 10)
    house.clock.advance(3_600_000)
    flood()
    assert.equal(told(nurse).length, 10)
  })

  test('nobody reports in the name of another account', async () => {
    const { nurse, juliet } = await ruled()
    juliet.says(block(`<report ${REPORT} reason='urn:xmpp:reporting:spam'/>`).replace(`id='b'`, `id='b' to='tybalt@capulet.lit'`))
    assert.deepEqual(told(nurse), [])
  })
})
