/** The part of dns-packet 5.6 which we use; the package carries no types. */
declare module 'dns-packet' {
  export interface Question {
    readonly name: string
    readonly type: string
    readonly class?: string
  }
  export interface Answer extends Question {
    readonly ttl?: number
    /** Its form depends on `type`; one that the library does not know is a Buffer. */
    readonly data: unknown
  }
  export interface Packet {
    readonly id: number
    readonly type: 'query' | 'response'
    /** The header's second word without QR. */
    readonly flags: number
    readonly questions: readonly Question[]
    readonly answers?: readonly Answer[]
  }
  export interface DecodedPacket extends Required<Packet> {
    readonly opcode: string
    /** 'NOERROR', 'NXDOMAIN', ... */
    readonly rcode: string
    readonly flag_tc: boolean
  }
  interface Library {
    readonly RECURSION_DESIRED: number
    encode(packet: Packet): Buffer
    readonly decode: {
      /** @throws Error where it is none; also for names that loop */
      (bytes: Buffer): DecodedPacket
      /** How many were read by the last call: more than there are where the end of a record is missing. */
      readonly bytes: number
    }
  }
  const library: Library
  export default library
}
