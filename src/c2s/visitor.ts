import type { TlsIdentity } from '../net/tls.ts'
import type { OpenedDomain, Stream, StreamOwner } from '../stream/stream.ts'
import type { StreamHeader } from '../xml/parser.ts'
import { Jid } from '../xmpp/jid.ts'
import { StreamError } from '../xmpp/stream-error.ts'

/** Who owns a client's stream until a resource is bound on it. */
export class Visitor implements StreamOwner {
  readonly #domains: ReadonlyMap<string, TlsIdentity>

  constructor(domains: ReadonlyMap<string, TlsIdentity>) {
    this.#domains = domains
  }

  opened(_stream: Stream, header: StreamHeader): OpenedDomain {
    // RFC 6120 §4.7.2: without `to` the client means the one domain here, if there is only one.
    const { to } = header.attrs
    const domain = to === undefined ? (this.#domains.size === 1 ? [...this.#domains.keys()][0] : undefined) : Jid.parse(to)?.toString()
    const identity = domain === undefined ? undefined : this.#domains.get(domain)
    if (domain === undefined || identity === undefined) throw new StreamError('host-unknown')
    return { domain, identity }
  }

  received(): void {
    throw new StreamError('not-authorized') // negotiation takes everything until a session owns the stream
  }

  idle(): void {}

  closed(): void {}
}
