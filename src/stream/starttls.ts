import type { TlsProtocol } from '../net/connection.ts'
import { element } from '../xml/element.ts'
import { NS_SERVER, NS_TLS } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import type { StreamFeature } from './feature.ts'
import type { Stream } from './stream.ts'

/**
 * STARTTLS (RFC 6120 §5). Mandatory where nothing else protects the stream; over an onion circuit offered, not
 * required: the circuit is encrypted from end to end already, and the onion address is its key.
 */
export const starttls: StreamFeature<Stream> = {
  namespace: NS_TLS,
  needs: { authenticated: false },

  offer({ connection, identity }) {
    if (connection.protection === 'tls' || identity === undefined) return []
    const required = connection.protection === 'none' ? element(NS_TLS, 'required') : undefined
    return [element(NS_TLS, 'starttls', {}, required)]
  },

  async negotiate(stream, request) {
    const { connection, identity } = stream
    if (request.name !== 'starttls' || identity === undefined) throw new StreamError('bad-format')
    // Bytes behind <starttls/> are injected plaintext or a client that does not wait: nobody can tell, so neither
    // is served. Nothing that was said before TLS outlives it: new parser, new header, new id.
    if (stream.stopParsing() > 0) throw new StreamError('policy-violation', 'Bytes came before TLS was started.')
    stream.send(element(NS_TLS, 'proceed'))
    stream.flush()
    return await connection.startTls(identity, undefined, tlsProtocol(stream.settings.contentNamespace)) ? 'restart' : 'pending'
  },
}

/** What is spoken inside TLS on streams of that kind. */
export function tlsProtocol(contentNamespace: string): TlsProtocol {
  return contentNamespace === NS_SERVER ? 'xmpp-server' : 'xmpp-client'
}
