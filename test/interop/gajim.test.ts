import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { parseElement } from '../../src/xml/parse-element.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { XmppClient } from '../clients/xmpp-client.ts'
import { Gajim } from './gajim.ts'
import { Picture, type Color } from './picture.ts'
import { missing } from './programs.ts'
import { ServerProcess } from './server.ts'

const DOMAIN = 'capulet.lit'
const JULIET = { jid: `juliet@${DOMAIN}`, password: randomUUID() }
const ROMEO = { jid: `romeo@${DOMAIN}`, password: randomUUID() }
const MAGENTA: Color = [255, 0, 255]

const skip = missing('gajim', 'Xvfb', 'dbus-daemon') ?? false

describe('a person at Gajim, as Debian ships it', { skip }, () => {
  let server: ServerProcess
  let juliet: Gajim
  let romeo: XmppClient

  before(async () => {
    server = await ServerProcess.start({ domain: DOMAIN })
    for (const { jid, password } of [JULIET, ROMEO]) await server.addAccount(jid, password)
  })

  after(async () => {
    await juliet?.stop()
    await romeo?.leave()
    await server?.stop()
  })

  test('logs in, sees a contact, how he is and what he looks like, and reads why a plain line was not sent', { timeout: 240_000 }, async () => {
    const { certificate } = server.identityFiles(DOMAIN)
    const authority = readFileSync(certificate, 'utf8')
    romeo = await XmppClient.login({ ...ROMEO, route: { host: '127.0.0.1', port: server.port }, security: 'starttls', authority })
    await romeo.roster()
    await romeo.appear()
    juliet = await Gajim.start(JULIET, { host: '127.0.0.1', port: server.port, authority: certificate })
    try {
      await becomeContacts()
      await comeAndGo()
      await showFace()
      await speakPlainly()
    } finally {
      await juliet.keepScreen()
    }
    const complaints = server.log.split('\n').filter((line) => /"level":"(warn|error)"/.test(line))
    assert.deepEqual(complaints, [], 'something that Gajim does troubles the server')
  })

  /** He asks first; what she then does is two steps of hers. */
  async function becomeContacts(): Promise<void> {
    romeo.send(`<presence type='subscribe' to='${JULIET.jid}'/>`)
    await juliet.acceptContact(ROMEO.jid)
    await romeo.stream.next(({ attrs }) => attrs['type'] === 'subscribe' && attrs['from'] === JULIET.jid, 'a request of hers')
    romeo.send(`<presence type='subscribed' to='${JULIET.jid}'/>`)
    await juliet.seesPresence('romeo', 'available')
  }

  async function comeAndGo(): Promise<void> {
    romeo.send('<presence><show>away</show></presence>')
    await juliet.seesPresence('romeo', 'away')
    romeo.send('<presence><show>dnd</show></presence>')
    await juliet.seesPresence('romeo', 'not to be disturbed')
    romeo.send('<presence type=\'unavailable\'/>')
    await juliet.seesPresence('romeo', 'offline')
    await romeo.appear()
    await juliet.seesPresence('romeo', 'available')
  }

  /** XEP-0084 §3: the image first, then word of it. Gajim asks for a face as it hears of it, in either of the two ways. */
  async function showFace(): Promise<void> {
    const image = Picture.plain(96, MAGENTA).png()
    const id = createHash('sha1').update(image).digest('hex')
    await publish('data', id, image.toString('base64'))
    await publish('metadata', id, `<info id='${id}' type='image/png' bytes='${image.length}' width='96' height='96'/>`)
    await juliet.seesFace('romeo', MAGENTA)
  }

  async function publish(what: 'data' | 'metadata', id: string, content: string): Promise<void> {
    const payload = `<${what} xmlns='urn:xmpp:avatar:${what}'>${content}</${what}>`
    const answer = await romeo.request(parseElement(`<iq xmlns='${NS_CLIENT}' type='set'><pubsub xmlns='http://jabber.org/protocol/pubsub'>`
      + `<publish node='urn:xmpp:avatar:${what}'><item id='${id}'>${payload}</item></publish></pubsub></iq>`))
    assert.equal(answer.attrs['type'], 'result')
  }

  async function speakPlainly(): Promise<void> {
    const line = `Wherefore art thou ${randomUUID().slice(0, 8)}?`
    await juliet.openConversation('romeo')
    await juliet.say(line)
    await juliet.seesRefusal(line)
    await romeo.roster()
    const bodies = romeo.stream.takeUnread().filter((stanza) => stanza.child('body', NS_CLIENT) !== undefined)
    assert.deepEqual(bodies, [], 'a plaintext message reached the contact')
    assert.deepEqual(server.filesWith(line), [], 'a plaintext message is on the server\'s disk')
    assert.ok(!server.log.includes(line), 'a plaintext message is in the server\'s log')
  }
})
