import type { Limits } from '../config/schema.ts'
import type { XmlLimits } from '../xml/limits.ts'

/** What the parser of a stream takes: less from a peer that has not said who it is. */
export function parserLimits(limits: Limits, loggedIn: boolean): XmlLimits {
  return {
    header: limits.stream_header,
    stanza: loggedIn ? limits.stanza : limits.stanza_before_login,
    depth: limits.depth,
    attributes: 64,
    elements: 4096,
    name: 256,
    startTag: Math.min(64 * 1024, loggedIn ? limits.stanza : limits.stanza_before_login),
  }
}
