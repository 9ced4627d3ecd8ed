import assert from 'node:assert/strict'
import { requireOtr } from '../../src/policy/require-otr.ts'
import type { Audience } from '../../src/routing/audience.ts'
import { ServedDomains } from '../../src/routing/domains.ts'
import { Envelope, type Origin } from '../../src/routing/envelope.ts'
import { DROP, type Rule } from '../../src/routing/extension.ts'
import { serialize } from '../../src/xml/serialize.ts'
import { NS_CLIENT } from '../../src/xmpp/namespaces.ts'
import { StanzaError } from '../../src/xmpp/stanza-error.ts'
import { bodyOf } from '../otr/vectors.ts'
import { TestClock } from '../clock.ts'
import { jid, parse, TestHouse } from '../house.ts'

/** What nobody may say here. */
export const PLAIN = 'meet me in the orchard'
/** A genuine message of OTR version 2. */
export const DATA = bodyOf('edge-frag2-single').slice('?OTR,1,1,'.length, -1)

export const REFUSED = 'refused: modify policy-violation [not sent: OTR required]'
export const REFUSED_REMOTE = 'refused: modify policy-violation'
export const UNAVAILABLE = 'refused: cancel service-unavailable'
export const DROPPED = 'dropped'

export const JULIET = 'juliet@capulet.lit/balcony'
export const ROMEO = 'romeo@verona.example/garden'

export function message(inner: string, type = 'chat'): string {
  return `<message type='${type}'>${inner}</message>`
}

export function body(text: string): string {
  return `<body>${text}</body>`
}

/** Everybody's house: the policy keeps nothing in it. */
const HOUSE = new TestHouse()

/** capulet.lit and montague.lit in one process, as if the latter were an onion: nobody is to link the two. */
export const UNLINKED = new ServedDomains(HOUSE.installation.host.domains.all().map((domain) => (
  domain.name === 'montague.lit' ? { ...domain, onionAddress: domain.name } : domain)))

/** A policy of its own. Juliet and the Nurse live here, Romeo at verona.example. */
export class Court {
  readonly clock = new TestClock(Date.UTC(1999, 0, 4))
  readonly #rule: Rule

  constructor(audience: Pick<Audience, 'sees' | 'follows'> = HOUSE.installation.host.audience, domains = HOUSE.installation.host.domains) {
    const { host } = HOUSE.installation
    const [rule] = requireOtr.install({ ...host, audience: { ...host.audience, ...audience }, domains, clock: this.clock }).policy ?? []
    assert.ok(rule)
    this.#rule = rule
  }

  /** What Juliet's client may say to Romeo. */
  client(xml: string): string {
    return this.judge(xml, JULIET, ROMEO, 'client')
  }

  /** What may come in for Juliet from Romeo's server. */
  remote(xml: string): string {
    return this.judge(xml, ROMEO, JULIET, 'remote')
  }

  /** `untouched`, `held`, `dropped` or `refused: type condition body`; else what passes, without its addresses. */
  judge(xml: string, from: string, to: string | undefined, origin: Origin): string {
    const [stanza] = parse(xml)
    assert.ok(stanza)
    const addressee = to === undefined ? jid(from).bare : jid(to)
    const verdict = this.#rule.judge(
      new Envelope(stanza.with({ from, to }), jid(from), addressee, to !== undefined, origin, undefined))
    if (verdict === undefined) return 'untouched'
    if (verdict === DROP) return DROPPED
    if (verdict instanceof StanzaError) {
      return `refused: ${verdict.type} ${verdict.condition} ${verdict.detail.body ?? ''}`.trim()
    }
    if (verdict.deliver.length === 0) return 'held'
    return verdict.deliver.map((element) => {
      assert.deepEqual([element.attrs['from'], element.attrs['to']], [from, to])
      return serialize(element.with({ from: undefined, to: undefined }), NS_CLIENT)
    }).join('')
  }
}
