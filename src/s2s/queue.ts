import type { Envelope } from '../routing/envelope.ts'
import { serialize } from '../xml/serialize.ts'
import { NS_SERVER } from '../xmpp/namespaces.ts'

export interface Queued {
  readonly envelope: Envelope
  /** As it will be written. */
  readonly text: string
}

export interface QueueLimits {
  readonly queue_stanzas: number
  /** Of the texts. */
  readonly queue_bytes: number
}

/** The stanzas that wait for a stream to one other domain, in order; bounded by their number and by their bytes. */
export class StanzaQueue {
  readonly #limits: QueueLimits
  #waiting: Queued[] = []
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get empty(): boolean {
    return this.#waiting.length === 0
  }

  /** False where there is no room. */
  add(queued: Queued): boolean {
    const bytes = Buffer.byteLength(queued.text)
    if (this.#waiting.length >= this.#limits.queue_stanzas || this.#bytes + bytes > this.#limits.queue_bytes) return false
    this.#waiting.push(queued)
    this.#bytes += bytes
    return true
  }

  /** Takes the first ones out, as long as `taken` takes them. */
  drain(taken: (queued: Queued) => boolean): void {
    for (let first = this.#waiting.shift(); first !== undefined; first = this.#waiting.shift()) {
      // It is out while it is tried: whoever comes back here because of it does not find it again.
      if (!taken(first)) return void this.#waiting.unshift(first)
      this.#bytes -= Buffer.byteLength(first.text)
    }
  }

  /** Takes all of them out, so that whatever happens next, none is delivered or bounced twice. */
  take(): readonly Queued[] {
    const taken = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    return taken
  }
}

/** The stanza as it goes to another server. */
export function queued(envelope: Envelope): Queued {
  return { envelope, text: stanzaText(envelope) }
}

/** A stanza between servers names both ends, always (RFC 6120 §8.1.1.2, §8.1.2.2). */
function stanzaText({ element, from, to }: Envelope): string {
  const { attrs } = element
  const addressed = attrs['from'] === from.toString() && attrs['to'] === to.toString() ? element
    : element.with({ from: from.toString(), to: to.toString() })
  return serialize(addressed, NS_SERVER)
}
