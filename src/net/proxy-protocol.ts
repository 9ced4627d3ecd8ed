/** "PROXY UNKNOWN" and the longest two IPv6 addresses: no line of version 1 is longer (PROXY protocol §2.1). */
const LONGEST_LINE = 107

/**
 * How tor writes a circuit with HiddenServiceExportCircuitID haproxy: the identifier's two halves are the address's
 * last two groups, unpadded, and its lower half is the source port too. The last field is the *virtual* port, also
 * where the target is a unix socket. This is no canonical IPv6, so it is matched as text.
 */
const LINE = /^PROXY TCP6 fc00:dead:beef:4dad::([0-9a-f]{1,4}):([0-9a-f]{1,4}) ::1 ([0-9]{1,5}) ([0-9]{1,5})$/

/** What tor tells of a connection before the peer's first byte. */
export interface ProxiedCircuit {
  /** The circuit's identifier on the control port, in decimal: it can be given to CLOSECIRCUIT as it is. */
  readonly circuit: string
  /** The onion service's virtual port that the peer asked for. */
  readonly port: number
  /** The first bytes of the peer, where they came in the same chunk. */
  readonly rest: Buffer
}

/** The peer's first line is not what our tor writes: nobody but tor should reach this listener. */
export class MalformedProxyLine extends Error {
  override readonly name = 'MalformedProxyLine'
}

/** Reads the PROXY line that opens a connection from tor, however it is cut into chunks. */
export class ProxyLine {
  #held: Buffer = Buffer.alloc(0)

  /**
   * Undefined as long as the line is not complete. After the line was returned or refused the object is used up.
   *
   * @throws MalformedProxyLine where more than 107 bytes come without an end, or the line is not tor's
   */
  push(chunk: Buffer): ProxiedCircuit | undefined {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const end = this.#held.subarray(0, LONGEST_LINE).indexOf('\r\n')
    if (end !== -1) return parse(this.#held.toString('latin1', 0, end), this.#held.subarray(end + 2))
    if (this.#held.length >= LONGEST_LINE) throw new MalformedProxyLine('no end of the PROXY line within 107 bytes')
    return undefined
  }
}

function parse(line: string, rest: Buffer): ProxiedCircuit {
  const [, high = '', low = '', source = '', virtual = ''] = LINE.exec(line) ?? []
  const lowHalf = Number.parseInt(low, 16)
  const port = Number(virtual)
  if (virtual === '' || Number(source) !== lowHalf || port < 1 || port > 65_535) throw new MalformedProxyLine('not a PROXY line of tor')
  return { circuit: String(Number.parseInt(high, 16) * 65_536 + lowHalf), port, rest }
}
