import type { Element } from '../xml/element.ts'

/**
 * What became of one step of a feature's negotiation: more steps follow; more follow, and until then nothing else may
 * come (XEP-0388 §2.4); it is done and the stream goes on; it is done and the stream starts anew (RFC 6120 §4.3.3).
 */
export type Negotiated = 'pending' | 'exclusive' | 'done' | 'restart'

/** What decides about a stream until it is established. */
export interface Negotiating {
  /** Tells the peer what it may negotiate now. */
  offer(): void
  /** @throws StreamError */
  receive(element: Element): void
}

/**
 * A stream feature (RFC 6120 §4.3.2) as data: when it is offered, what it offers, and what it does when the peer
 * takes it. `secured` means: TLS, or an onion circuit, which is encrypted from end to end.
 */
export interface StreamFeature<Stream> {
  /** Of the elements, or of the payload of the IQ, by which the peer negotiates it. */
  readonly namespace: string
  readonly needs: { readonly secured?: boolean; readonly authenticated?: boolean }
  /** The peer is heard where nothing was offered, too: it may know of the feature otherwise, and is then told why not. */
  readonly unoffered?: true
  /** The elements inside <stream:features/>; none where this stream is not offered it. */
  offer(stream: Stream): readonly Element[]
  /**
   * Called only while the needs are met and the feature was offered (see `unoffered`). A promise holds the stream: what the peer
   * sends before it is settled breaks the stream. @throws StreamError
   */
  negotiate(stream: Stream, element: Element): Negotiated | Promise<Negotiated>
}
