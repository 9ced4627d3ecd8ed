import { constants } from 'node:crypto'
import { createSecureContext } from 'node:tls'

/**
 * Key exchange, best first; the first list that this runtime can do is used. No finite fields: their parameters are for
 * everybody to get wrong, and nobody needs them (RFC 9325 §4.1).
 *
 * With OpenSSL 3.5 the hybrid comes first, as in Mozilla's "intermediate": what is recorded today and broken by a quantum
 * computer later must be broken twice. "/" parts better from worse: whoever knows the hybrid gets it, even where it costs a
 * round trip because the key that came first was another's. "*" marks those for which we send a key at once when we call,
 * so that a server that only knows X25519 costs none.
 */
const GROUPS = ['*X25519MLKEM768/*X25519:P-256:P-384', 'X25519:P-256:P-384'] as const

/**
 * How TLS is spoken here, when we are called and when we call: Mozilla's "intermediate" without finite fields, which is
 * what BetterCrypto wanted in its day. RFC 7590, RFC 9325.
 */
export const TLS_SETTINGS = {
  // RFC 9325 §3.1.1: "MUST support" 1.2, and nothing below it; in 1.2 some clients are stuck.
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  // Forward secrecy and AEAD alone (RFC 9325 §4.1, §4.2), in the order of its list: 128 bits are enough for AES, and
  // fastest. No CBC, which never stopped leaking (Lucky Thirteen); no RSA key transport (ROBOT).
  ciphers: [
    'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  ecdhCurve: groupsOfThisRuntime(),
  // Our order counts (RFC 9325 §4.2.1), but for ChaCha20: who puts it first has no instructions for AES, and would leak its
  // key by timing. That is what Mozilla lets the client choose for.
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA
    | constants.SSL_OP_NO_RENEGOTIATION // RFC 9325 §3.5; what it costs is the attacker's choice
    | constants.SSL_OP_NO_TICKET // RFC 9325 §3.4: their key would undo forward secrecy; streams are long, so they save little
    | constants.SSL_OP_NO_COMPRESSION, // RFC 9325 §3.3 (CRIME)
} as const

function groupsOfThisRuntime(): string {
  const [best, rest] = GROUPS
  try {
    createSecureContext({ ecdhCurve: best })
    return best
  } catch {
    return rest // OpenSSL names no reason; if it were another one, each listener would meet it at the start
  }
}
