import type { StreamHeader } from '../xml/parser.ts'
import { NS_COMPONENT, NS_STREAM } from '../xmpp/namespaces.ts'
import { StreamError } from '../xmpp/stream-error.ts'
import { parseVersion } from '../xmpp/stream-header.ts'

/** Whether this opens a stream with that content at all (RFC 6120 §4.8, §4.7.5). @throws StreamError */
export function checkHeader(header: StreamHeader, contentNamespace: string): void {
  if (!header.is('stream', NS_STREAM)) throw new StreamError(header.namespace === NS_STREAM ? 'bad-format' : 'invalid-namespace')
  // RFC 6120 §4.8.2: the content namespace is the default one, or each stanza declares it and the stream's is.
  if (header.contentNamespace !== contentNamespace && header.contentNamespace !== NS_STREAM) throw new StreamError('invalid-namespace')
  // XEP-0114 §3: streams of components are older than the attribute.
  if (contentNamespace !== NS_COMPONENT && (parseVersion(header.attrs['version'])?.major ?? 0) < 1) throw new StreamError('unsupported-version')
}
