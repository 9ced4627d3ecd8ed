/** The versions of the protocol that pass; version 1 is broken, version 4 is spoken by no client. */
export type Version = 2 | 3

/** What an encoded message is for. */
export type MessageType = 'dh-commit' | 'dh-key' | 'reveal-signature' | 'signature' | 'data'

/** Instance tags of version 3 as 32-bit numbers; both undefined in version 2, which has none. */
export interface Addressing {
  readonly version: Version
  readonly senderTag: number | undefined
  /** 0 where the sender does not know the other instance yet. */
  readonly receiverTag: number | undefined
}

/** Smaller instance tags are reserved (OTR version 3, "Instance Tags"). */
export const LEAST_INSTANCE_TAG = 0x100

/** The message type's byte, after the two bytes of the version. */
export function messageType(byte: number): MessageType | undefined {
  switch (byte) {
    case 0x02: return 'dh-commit'
    case 0x03: return 'data'
    case 0x0a: return 'dh-key'
    case 0x11: return 'reveal-signature'
    case 0x12: return 'signature'
    default: return undefined
  }
}
