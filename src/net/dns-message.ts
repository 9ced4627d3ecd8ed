import packet, { type Answer as PacketAnswer, type DecodedPacket } from 'dns-packet'
import { isIPv4, isIPv6 } from 'node:net'
import { canonical, DnsError, type ServiceRecord } from './resolver.ts'

export interface Question {
  /** 0..65535. */
  readonly id: number
  readonly name: string
  readonly type: 'SRV' | 'A' | 'AAAA'
}

/** What an answer says about the name it was asked for. */
export interface Answer {
  readonly services: readonly ServiceRecord[]
  readonly addresses: readonly string[]
  /** The name that the one asked for is an alias of, where the answer says no more: it is to be asked for, then. */
  readonly alias: string | undefined
}

/** Bytes; a sound answer with as many targets as we look at has some 9,000 at most. */
export const LONGEST_MESSAGE = 16_384
/** CNAMEs in a row; each is a name that somebody chose. */
export const LONGEST_CHAIN = 8

/** The question as it goes over TCP: two bytes of length first (RFC 1035 §4.2.2). @throws DnsError */
export function encodeQuestion({ id, name, type }: Question): Buffer {
  if (!isDnsName(name)) throw new DnsError('dns-name-invalid', false)
  const message = packet.encode({ id, type: 'query', flags: packet.RECURSION_DESIRED, questions: [{ name, type }] })
  return Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message])
}

/**
 * Reads an answer to exactly this question; a name that does not exist has no records.
 *
 * @throws DnsError where it is malformed, truncated, an answer to something else, or a refusal
 */
export function readAnswer(message: Buffer, asked: Question): Answer {
  const decoded = decode(message)
  const [question] = decoded.questions
  if (decoded.type !== 'response' || decoded.opcode !== 'QUERY' || decoded.id !== asked.id || decoded.questions.length !== 1
    || question === undefined || question.type !== asked.type || question.class !== 'IN'
    || canonical(question.name) !== canonical(asked.name)) throw new DnsError('dns-other-question', true)
  // Over TCP nothing need be cut short, and half a list is somebody else's choice of servers.
  if (decoded.flag_tc) throw new DnsError('dns-truncated', true)
  if (decoded.rcode !== 'NOERROR' && decoded.rcode !== 'NXDOMAIN') {
    throw new DnsError(decoded.rcode === 'SERVFAIL' ? 'dns-servfail' : 'dns-refused', true)
  }
  return said(decoded, asked)
}

function decode(message: Buffer): DecodedPacket {
  if (message.length > LONGEST_MESSAGE) throw new DnsError('dns-too-long', true)
  let decoded: DecodedPacket
  try {
    decoded = packet.decode(message)
  } catch (error) {
    throw new DnsError('dns-malformed', true, { cause: error })
  }
  if (packet.decode.bytes !== message.length) throw new DnsError('dns-malformed', true)
  return decoded
}

/** Follows the aliases within the answer; records of other names are nobody's answer and left alone. */
function said({ answers, rcode }: DecodedPacket, { name, type }: Question): Answer {
  const of = (owner: string, wanted: string) => answers
    .filter((one) => one.type === wanted && one.class === 'IN' && canonical(one.name) === owner)
  let owner = canonical(name)
  for (let length = 0; length <= LONGEST_CHAIN; length++) {
    const records = of(owner, type)
    const [alias] = records.length > 0 ? [] : of(owner, 'CNAME')
    if (alias === undefined) {
      const unsaid = records.length === 0 && length > 0 && rcode === 'NOERROR'
      return {
        services: type === 'SRV' ? records.flatMap(serviceOf) : [],
        addresses: type === 'SRV' ? [] : records.flatMap(({ data }) => addressOf(data, type)),
        alias: unsaid ? owner : undefined,
      }
    }
    owner = canonical(String(alias.data))
    if (!isDnsName(owner)) throw new DnsError('dns-malformed', true)
  }
  throw new DnsError('dns-loop', true)
}

/** Targets that are no host's name are kept out: there is nothing that they could lead to. */
function serviceOf({ data }: PacketAnswer): ServiceRecord[] {
  const { priority, weight, port, target } = data as ServiceRecord // what the library makes of type SRV
  const host = canonical(target)
  return host === '.' || isDnsName(host) ? [{ priority, weight, port, target: host }] : []
}

function addressOf(data: unknown, type: 'A' | 'AAAA'): string[] {
  return typeof data === 'string' && (type === 'A' ? isIPv4(data) : isIPv6(data)) ? [data] : []
}

/** Labels of at most 63 letters, digits, hyphens and underscores, 253 bytes in all: what can be written and read back. */
function isDnsName(name: string): boolean {
  return name.length <= 253 && /^[\w-]{1,63}(?:\.[\w-]{1,63})*$/.test(name)
}
