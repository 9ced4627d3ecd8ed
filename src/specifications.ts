import { CORE_CLAUSES } from './core-clauses.ts'
import type { Clause, Implementation } from './routing/implementation.ts'

/** What no extension implements, but the rooms below. */
export interface Foundation extends Implementation {
  /** Where; each of these files cites it. */
  readonly files: readonly string[]
  readonly clauses?: readonly Clause[]
}

/**
 * The specifications under the house, as each extension declares its own in `implements`. Both together make
 * docs/specifications.md and docs/doap.xml.
 */
export const foundations: readonly Foundation[] = [
  {
    rfc: 6120, title: 'XMPP: Core', since: '0.1.0', status: 'partial', note: 'streams of clients and of servers',
    files: ['src/stream/stream.ts', 'src/stream/negotiation.ts', 'src/stream/initiation.ts', 'src/s2s/incoming.ts', 'src/s2s/outgoing-stream.ts', 'src/s2s/entrance.ts', 'src/s2s/refusals.ts', 'src/stream/sasl.ts', 'src/c2s/bind.ts', 'src/routing/router.ts'],
    clauses: CORE_CLAUSES,
  },
  {
    rfc: 7395, title: 'XMPP over WebSocket', since: '0.1.0', status: 'complete', note: 'by HTTPS, and by plain HTTP behind onions; no other endpoint is named',
    files: ['src/stream/messages.ts', 'src/net/websocket.ts', 'src/web/stream-upgrade.ts', 'src/xml/message.ts'],
    clauses: [
      { clause: 'RFC 7395 §3.1', text: 'the answer to the handshake names the protocol xmpp' },
      { clause: 'RFC 7395 §3.1', text: 'without it there is no connection' },
      { clause: 'RFC 7395 §3.2', text: 'messages are of the text type' },
      { clause: 'RFC 7395 §3.2', text: 'and of UTF-8' },
      { clause: 'RFC 7395 §3.3.2', text: 'a header in another namespace ends the stream with invalid-namespace' },
      { clause: 'RFC 7395 §3.3.2', text: 'headers are in the namespace of framed streams' },
      { clause: 'RFC 7395 §3.3.3', text: 'a message is a document, with all its declarations' },
      { clause: 'RFC 7395 §3.3.3', text: 'its first character is <' },
      { clause: 'RFC 7395 §3.3.3', text: 'every element is in a message of its own' },
      { clause: 'RFC 7395 §3.4', text: 'the first message is <open/>; it is answered with <open/>' },
      { clause: 'RFC 7395 §3.5', text: 'an error is a whole element in a message' },
      { clause: 'RFC 7395 §3.5', text: 'an error while the stream is opened comes after <open/>; then the connection is closed' },
      { clause: 'RFC 7395 §3.6', text: 'who closes begins the closing handshake of WebSocket' },
      { clause: 'RFC 7395 §3.7', text: 'at a restart new streams are opened, without <close/>' },
      { clause: 'RFC 7395 §3.8', text: 'there are no whitespace keepalives' },
      { clause: 'RFC 7395 §3.9', text: 'TLS is no stream feature' },
    ],
  },
  {
    rfc: 7590, title: 'Use of TLS in XMPP', since: '0.1.0', status: 'partial', note: 'TLS 1.2 at the least; required on the clearnet',
    files: ['src/net/tls-settings.ts'],
    clauses: [
      { clause: 'RFC 7590 §1', text: 'no TLS before 1.2' },
      { clause: 'RFC 7590 §3', text: 'forward secrecy' },
      { clause: 'RFC 7590 §3.3', text: 'of TLS no session is resumed in a way that undoes it' },
    ],
  },
  {
    rfc: 7622, title: 'XMPP: Address Format', since: '0.1.0', status: 'complete', note: 'names of new accounts are of ASCII',
    files: ['src/xmpp/jid.ts', 'src/xmpp/precis.ts', 'src/xmpp/domainpart.ts'],
    clauses: [
      { clause: 'RFC 7622 §3.1', text: 'the first slash ends the bare JID' },
      { clause: 'RFC 7622 §3.2', text: 'a final dot of the domainpart is stripped' },
      { clause: 'RFC 7622 §3.2.1', text: 'A-labels become U-labels' },
      { clause: 'RFC 7622 §3.2.2', text: 'letters of a domainpart in one case and width' },
      { clause: 'RFC 7622 §3.3', text: 'a localpart has 1 to 1023 bytes' },
      { clause: 'RFC 7622 §3.3', text: 'and no more' },
      { clause: 'RFC 7622 §3.3.1', text: 'characters that a localpart never has' },
      { clause: 'RFC 7622 §3.4', text: 'a resourcepart has 1 to 1023 bytes' },
      { clause: 'RFC 7622 §3.4', text: 'and no more' },
      { clause: 'RFC 7622 §3.5', text: 'what is a JID' },
      { clause: 'RFC 7622 §3.5', text: 'and what is none' },
    ],
  },
  {
    rfc: 8265, title: 'PRECIS: Usernames and Passwords', since: '0.1.0', status: 'partial', note: 'the profiles that JIDs use',
    files: ['src/xmpp/precis.ts'],
    clauses: [
      { clause: 'RFC 8265 §3.3', text: 'width and case of a username are mapped' },
      { clause: 'RFC 8265 §4.2', text: 'spaces of an opaque string are mapped' },
    ],
  },
  {
    rfc: 4013, title: 'SASLprep', since: '0.1.0', status: 'complete', note: 'what it prohibits or does not know still is a password',
    files: ['src/auth/password.ts'],
    clauses: [
      { clause: 'RFC 4013 §3', text: 'mapped, normalized, and nothing prohibited' },
    ],
  },
  {
    rfc: 4616, title: 'SASL PLAIN', since: '0.1.0', status: 'complete', note: 'offered last; `auth.plain`', files: ['src/auth/plain.ts'],
    clauses: [
      { clause: 'RFC 4616 §2', text: 'authorization identity, name and password, in UTF-8' },
    ],
  },
  {
    rfc: 5802, title: 'SASL SCRAM', since: '0.1.0', status: 'complete', note: 'SCRAM-SHA-1 and -PLUS',
    files: ['src/auth/scram.ts', 'src/auth/scram-message.ts'],
    clauses: [
      { clause: 'RFC 5802 §3', text: 'the proof is of the stored key' },
      { clause: 'RFC 5802 §5', text: 'the messages' },
      { clause: 'RFC 5802 §5.1', text: 'names are prepared and unescaped' },
      { clause: 'RFC 5802 §5.1', text: 'extensions that are optional are ignored' },
      { clause: 'RFC 5802 §6', text: 'a type of channel binding that the server does not have fails' },
      { clause: 'RFC 5802 §6', text: 'so does "y" where -PLUS was offered' },
      { clause: 'RFC 5802 §7', text: 'the last message repeats the header of the first' },
    ],
  },
  {
    rfc: 7677, title: 'SASL SCRAM-SHA-256', since: '0.1.0', status: 'complete', note: 'and -PLUS; SCRAM-SHA-512 by the same rules',
    files: ['src/auth/scram.ts'],
    clauses: [
      { clause: 'RFC 7677 §3', text: 'the same with SHA-256' },
    ],
  },
  {
    rfc: 5929, title: 'Channel Bindings for TLS', since: '0.1.0', status: 'partial', note: 'tls-server-end-point',
    files: ['src/net/certificate.ts', 'src/net/connection.ts'],
    clauses: [
      { clause: 'RFC 5929 §4', text: 'the hash of the certificate that the server showed' },
      { clause: 'RFC 5929 §4.1', text: 'on this connection, whatever it shows to others since' },
    ],
  },
  {
    rfc: 9266, title: 'Channel Bindings for TLS 1.3', since: '0.1.0', status: 'complete', note: 'tls-exporter, with TLS 1.3 alone',
    files: ['src/net/connection.ts'],
    clauses: [
      { clause: 'RFC 9266 §2', text: 'exported key material of the connection' },
    ],
  },
  {
    rfc: 5280, title: 'PKIX Certificates', since: '0.1.0', status: 'partial',
    note: 'paths of servers that call; no revocation, no policies, name constraints of domains',
    files: ['src/net/certificate-judge.ts', 'src/net/name-constraints.ts', 'src/net/peer-certificate.ts'],
    clauses: [
      { clause: 'RFC 5280 §4.2.1.9', text: 'the path length of authorities' },
      { clause: 'RFC 5280 §4.2.1.10', text: 'their name constraints' },
    ],
  },
  {
    rfc: 9525, title: 'Service Identity in TLS', since: '0.1.0', status: 'complete', note: 'dNSName and SRVName; never a common name',
    files: ['src/net/certificate-names.ts'],
    clauses: [
      { clause: 'RFC 9525 §6.3', text: 'a wildcard is one whole label' },
      { clause: 'RFC 9525 §6.3', text: 'A-labels are compared' },
    ],
  },
  {
    xep: 156, title: 'Discovering Alternative XMPP Connection Methods', version: '1.4.0', since: '0.1.0', status: 'complete',
    note: 'by HTTPS; onions have none, as it may name TLS alone', files: ['src/web/pages/host-meta.ts'],
    clauses: [
      { clause: 'XEP-0156 §2.2', text: 'fetched by HTTPS alone, it names addresses with wss: alone' },
      { clause: 'XEP-0156 §2.2', text: 'there is an XRD' },
    ],
  },
  {
    xep: 178, title: 'SASL EXTERNAL with Certificates', version: '1.2', since: '0.1.0', status: 'partial',
    note: 'between servers (§3), for names that are no onions',
    files: ['src/auth/external.ts', 'src/s2s/outgoing-stream.ts', 'src/s2s/incoming.ts'],
    clauses: [
      { clause: 'XEP-0178 §3', text: 'the certificate proves the domain that the authorization identity names' },
    ],
  },
  {
    xep: 185, title: 'Dialback Key Generation and Validation', version: '1.0', since: '0.1.0', status: 'complete',
    files: ['src/s2s/dialback.ts'],
    clauses: [
      { clause: 'XEP-0185 §2', text: 'the secret as SHA-256 in hexadecimal is the key of the HMAC' },
      { clause: 'XEP-0185 §2', text: 'of three fields that are kept apart' },
    ],
  },
  {
    xep: 220, title: 'Server Dialback', version: '1.1.1', since: '0.1.0', status: 'partial',
    note: 'over verified TLS, or Tor; we send from one domain to one on each stream, and accept several senders',
    files: ['src/s2s/dialback.ts', 'src/s2s/domain-pair.ts', 'src/s2s/incoming.ts', 'src/s2s/outgoing-stream.ts'],
    clauses: [
      { clause: 'XEP-0220 §2.1.1', text: 'nothing is sent before the key is found valid, nor after it is found invalid' },
      { clause: 'XEP-0220 §2.1.1', text: 'a result is of a request' },
      { clause: 'XEP-0220 §2.1.2', text: 'an answer about a key is of a request on the same stream' },
      { clause: 'XEP-0220 §2.2.1', text: 'a domain is verified before it is heard' },
      { clause: 'XEP-0220 §2.2.1', text: 'one that is verified stays so' },
      { clause: 'XEP-0220 §2.2.1', text: 'one whose key is invalid is not heard' },
      { clause: 'XEP-0220 §2.2.2', text: 'its own keys are told from others' },
      { clause: 'XEP-0220 §2.5', text: 'an error of dialback ends no stream' },
    ],
  },
  {
    xep: 227, title: 'Portable Import/Export Format for XMPP-IM Servers', version: '1.1', since: '0.1.0', status: 'partial',
    note: 'exported by `sotto account export`; without credentials; nothing is imported', files: ['src/registration/account-export.ts'],
    clauses: [
      { clause: 'XEP-0227 §4', text: 'a user has a name, of its host' },
    ],
  },
  {
    xep: 288, title: 'Bidirectional Server-to-Server Connections', version: '1.0.1', since: '0.1.0', status: 'partial',
    note: 'for the domains of a stream that called; none are added by the side that was called',
    files: ['src/s2s/outgoing-stream.ts', 'src/s2s/incoming.ts', 'src/s2s/server-features.ts'],
    clauses: [
      { clause: 'XEP-0288 §2.2', text: 'it is negotiated before the proof' },
      { clause: 'XEP-0288 §2.2', text: 'nothing goes back before it' },
      { clause: 'XEP-0288 §2.2', text: 'and only as what was proved' },
    ],
  },
  {
    xep: 368, title: 'SRV records for XMPP over TLS', version: '1.1.0', since: '0.1.0', status: 'complete',
    files: ['src/net/connection.ts', 'src/net/resolver.ts', 'src/s2s/destination.ts'],
    clauses: [
      { clause: 'XEP-0368 §3', text: 'direct TLS has a service of its own' },
      { clause: 'XEP-0368 §3', text: 'and its records are mixed with the others\'' },
      { clause: 'XEP-0368 §5', text: '"." is: not here' },
    ],
  },
  {
    xep: 386, title: 'Bind 2', version: '1.1.0', since: '0.1.0', status: 'complete', note: 'no archive, so no metadata of one',
    files: ['src/c2s/bind2.ts'],
    clauses: [
      { clause: 'XEP-0386 §4.2', text: 'the full JID and <bound/> stand in the success' },
      { clause: 'XEP-0386 §4.2', text: 'an earlier session of the same client ends' },
    ],
  },
  {
    xep: 388, title: 'Extensible SASL Profile', version: '1.0.4', since: '0.1.0', status: 'complete', note: 'without tasks',
    files: ['src/stream/sasl2.ts', 'src/stream/inline.ts'],
    clauses: [
      { clause: 'XEP-0388 §2.1', text: 'offered where a mechanism can be had, on a secured stream' },
      { clause: 'XEP-0388 §2.3', text: 'an authorization identity that is not the header\'s fails' },
      { clause: 'XEP-0388 §2.4', text: 'any other traffic during the exchange ends the stream' },
      { clause: 'XEP-0388 §2.6.1', text: 'success names who it is; features follow without a restart' },
      { clause: 'XEP-0388 §3.8', text: 'a second <authenticate/> is a stream error' },
    ],
  },
  {
    xep: 440, title: 'SASL Channel-Binding Type Capability', version: '1.0.0', since: '0.1.0', status: 'complete',
    files: ['src/stream/sasl.ts'],
    clauses: [
      { clause: 'XEP-0440 §3', text: 'tls-server-end-point is implemented and named' },
    ],
  },
  {
    xep: 474, title: 'SASL SCRAM Downgrade Protection', version: '0.5.0', since: '0.1.0', status: 'complete',
    note: '`auth.downgrade_protection`', files: ['src/auth/downgrade.ts'],
    clauses: [
      { clause: 'XEP-0474 §6.1', text: 'the hash of what was offered' },
      { clause: 'XEP-0474 §6.3', text: 'as in the example' },
    ],
  },
  {
    xep: 509, title: 'Initial Authentication Pipelining', version: '0.2.0', since: '0.1.0', status: 'complete', note: 'for clients',
    files: ['src/stream/config-version.ts'],
    clauses: [
      { clause: 'XEP-0509 §2.2', text: 'the version that was offered matches' },
      { clause: 'XEP-0509 §2.2', text: 'another one fails with config-version-mismatch, and is not counted' },
    ],
  },
]
