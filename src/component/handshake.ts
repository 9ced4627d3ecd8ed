import { createHash, timingSafeEqual } from 'node:crypto'
import type { Negotiating } from '../stream/feature.ts'
import type { Stream } from '../stream/stream.ts'
import { element, type Element } from '../xml/element.ts'
import { NS_COMPONENT } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'

/** Who the other side is (XEP-0114 §3): it has the secret. There are no stream features, and one try. */
export class Handshake implements Negotiating {
  readonly #stream: Stream
  readonly #secret: string
  readonly #accepted: () => void

  constructor(stream: Stream, secret: string, accepted: () => void) {
    this.#stream = stream
    this.#secret = secret
    this.#accepted = accepted
  }

  offer(): void {}

  /** "the receiver MUST close the stream and the underlying TCP connection" where the credentials are not valid. */
  receive(received: Element): void {
    if (!received.is('handshake', NS_COMPONENT) || !this.#isRight(received.content())) {
      this.#stream.settings.log.warn('component.refused', { part: 'component', id: this.#stream.id })
      throw new StreamError('not-authorized')
    }
    this.#accepted()
    this.#stream.established(this.#stream.owner)
    this.#stream.send(element(NS_COMPONENT, 'handshake'))
  }

  #isRight(given: string): boolean {
    const right = createHash('sha1').update(this.#stream.id + this.#secret).digest('hex')
    const [one, other] = [Buffer.from(given.trim()), Buffer.from(right)]
    return one.length === other.length && timingSafeEqual(one, other)
  }
}
