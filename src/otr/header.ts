/** The versions of the protocol that may pass; version 1 is broken, and never does. */
export type Version = 2 | 3 | 4

/** What an encoded message is for. */
export type MessageType = 'dh-commit' | 'dh-key' | 'reveal-signature' | 'signature' | 'data' | Version4Type

/** The key exchanges of version 4. */
export type Version4Type = 'identity' | 'auth-r' | 'auth-i' | 'non-interactive-auth'

/** Instance tags of versions 3 and 4 as 32-bit numbers; both undefined in version 2, which has none. */
export interface Addressing {
  readonly version: Version
  readonly senderTag: number | undefined
  /** 0 where the sender does not know the other instance yet. */
  readonly receiverTag: number | undefined
}

/** Smaller instance tags are reserved (OTR version 3, "Instance Tags"). */
export const LEAST_INSTANCE_TAG = 0x100

/** The message type's byte, after the two bytes of the version. */
export function messageType(version: Version, byte: number): MessageType | undefined {
  return version === 4 ? version4Type(byte) : olderType(byte)
}

function olderType(byte: number): MessageType | undefined {
  switch (byte) {
    case 0x02: return 'dh-commit'
    case 0x03: return 'data'
    case 0x0a: return 'dh-key'
    case 0x11: return 'reveal-signature'
    case 0x12: return 'signature'
    default: return undefined
  }
}

/** Prekey messages are left out: they are for a prekey server alone. */
function version4Type(byte: number): MessageType | undefined {
  switch (byte) {
    case 0x03: return 'data'
    case 0x0d: return 'non-interactive-auth'
    case 0x35: return 'identity'
    case 0x36: return 'auth-r'
    case 0x37: return 'auth-i'
    default: return undefined
  }
}
