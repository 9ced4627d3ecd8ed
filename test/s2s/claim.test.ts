import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { Authorities } from '../../src/net/authorities.ts'
import { judge, type Judged } from '../../src/net/certificate-judge.ts'
import { mayCarryBack, proofsOf, type Claim } from '../../src/s2s/claim.ts'
import { onionAddress } from '../../src/tor/onion-address.ts'
import { dns, Issued, NOW, srv, xmpp } from '../net/authority.ts'

const MONTAGUE = 'montague.lit'
const ONION = onionAddress(Buffer.alloc(32, 1))

/** What is shown, by the names that tests call it by. */
const NAMES = {
  domain: [dns(MONTAGUE)],
  srvname: [srv(`_xmpp-server.${MONTAGUE}`)],
  'srvname of clients': [srv(`_xmpp-client.${MONTAGUE}`)],
  xmppaddr: [xmpp(MONTAGUE)],
  'xmppaddr of Romeo': [dns('verona.lit'), xmpp(`romeo@${MONTAGUE}`)],
  wildcard: [dns(`*.${MONTAGUE}`)],
  other: [dns('verona.lit')],
  onion: [dns(ONION), dns(`*.${ONION}`), xmpp(ONION), srv(`_xmpp-server.${ONION}`)],
} as const

type Shown = keyof typeof NAMES | 'nothing' | 'untrusted'

interface Row {
  readonly shown?: Shown
  readonly domain?: string
  readonly by?: 'tls' | 'onion' | 'tls in onion' | 'nothing'
  readonly reachable?: boolean
  readonly unverified?: readonly string[]
  /** Of 'certificate' and 'dialback' the first letters. */
  readonly proofs: 'cd' | 'd' | ''
  readonly carries: boolean
}

describe('how a domain may be proved, and whether its stream may carry back (XEP-0178, XEP-0220, XEP-0288)', () => {
  const judged = new Map<Shown, Judged>()
  before(async () => {
    const [root, stranger] = [await Issued.root(), await Issued.root({ subject: 'CN=Root of Mantua' })]
    const verdict = (chain: Buffer[]): Judged => judge(chain, { authorities: new Authorities([root.pem]), now: NOW })
    for (const [shown, names] of Object.entries(NAMES)) {
      judged.set(shown as Shown, verdict([(await root.issue({ names })).der]))
    }
    judged.set('nothing', verdict([]))
    judged.set('untrusted', verdict([(await stranger.issue({ names: NAMES.domain })).der]))
    for (const shown of Object.keys(NAMES)) assert.ok(judged.get(shown as Shown)?.trusted, `${shown} is trusted`)
  })

  const table: readonly Row[] = [
    // A domain of DNS, by its certificate.
    { proofs: 'cd', carries: true },
    { shown: 'srvname', proofs: 'cd', carries: true },
    { shown: 'xmppaddr', proofs: 'cd', carries: true },
    { shown: 'wildcard', domain: `rooms.${MONTAGUE}`, proofs: 'cd', carries: true },
    // RFC 9525 §6.3: a wildcard is one label, neither none nor two.
    { shown: 'wildcard', proofs: '', carries: false },
    { shown: 'wildcard', domain: `a.rooms.${MONTAGUE}`, proofs: '', carries: false },
    { domain: `rooms.${MONTAGUE}`, proofs: '', carries: false },
    { shown: 'srvname of clients', proofs: '', carries: false },
    { shown: 'xmppaddr of Romeo', proofs: '', carries: false },
    { shown: 'other', proofs: '', carries: false },
    { shown: 'nothing', proofs: '', carries: false },
    { shown: 'untrusted', proofs: '', carries: false },
    // s2s.unverified: for whom it is said, and for dialback alone; whoever sits between could read what is carried back.
    { shown: 'nothing', unverified: [MONTAGUE], proofs: 'd', carries: false },
    { shown: 'untrusted', unverified: [MONTAGUE], proofs: 'd', carries: false },
    { shown: 'other', unverified: [MONTAGUE], proofs: 'd', carries: false },
    { unverified: [MONTAGUE], proofs: 'cd', carries: true },
    { shown: 'nothing', unverified: ['verona.lit', `rooms.${MONTAGUE}`], proofs: '', carries: false },
    { shown: 'nothing', domain: `rooms.${MONTAGUE}`, unverified: [MONTAGUE], proofs: '', carries: false },
    // By an onion of ours nobody stands between: its own server is asked by a way on which it shows its certificate.
    { shown: 'nothing', by: 'onion', proofs: 'd', carries: true },
    { shown: 'nothing', by: 'tls in onion', proofs: 'd', carries: true },
    { shown: 'untrusted', by: 'tls in onion', proofs: 'd', carries: true },
    { by: 'tls in onion', proofs: 'cd', carries: true },
    // An onion is proved by being reached, whatever an authority says of it, and whatever way it came.
    { shown: 'nothing', domain: ONION, by: 'onion', proofs: 'd', carries: true },
    { shown: 'onion', domain: ONION, by: 'tls in onion', proofs: 'd', carries: true },
    { shown: 'onion', domain: ONION, proofs: 'd', carries: false },
    { shown: 'onion', domain: `rooms.${ONION}`, proofs: 'd', carries: false },
    { shown: 'nothing', domain: ONION, proofs: 'd', carries: false },
    { shown: 'onion', domain: ONION, unverified: [ONION], proofs: 'd', carries: false },
    // What cannot be answered is not heard; nothing is proved on a stream that nothing protects.
    { reachable: false, proofs: '', carries: true },
    { reachable: false, shown: 'nothing', by: 'onion', proofs: '', carries: true },
    { reachable: false, domain: ONION, by: 'onion', shown: 'nothing', proofs: '', carries: true },
    { reachable: false, shown: 'nothing', unverified: [MONTAGUE], proofs: '', carries: false },
    { by: 'nothing', shown: 'nothing', proofs: '', carries: false },
    { by: 'nothing', shown: 'nothing', unverified: [MONTAGUE], proofs: '', carries: false },
    { by: 'nothing', shown: 'nothing', domain: ONION, proofs: '', carries: false },
  ]
  for (const { proofs, carries, shown = 'domain', domain = MONTAGUE, by = 'tls', reachable = true, unverified = [] } of table) {
    const who = domain.replace(ONION, 'onion')
    const more = `${reachable ? '' : ', not reachable'}${unverified.length > 0 ? `, unverified: ${unverified.join().replace(ONION, 'onion')}` : ''}`
    test(`a claim to be ${who} by ${by}, shown: ${shown}${more}: ${proofs === '' ? 'no proof' : proofs === 'd' ? 'dialback' : 'either'}, ${carries ? 'carries' : 'carries not'} back`, () => {
      const claim: Claim = {
        domain, reachable, unverified, judged: judged.get(shown) ?? assert.fail(),
        protection: by === 'nothing' ? 'none' : by === 'onion' ? 'onion' : 'tls', onion: by.endsWith('onion'),
      }
      assert.equal(proofsOf(claim).map((proof) => proof[0]).join(''), proofs)
      assert.equal(mayCarryBack(claim), carries)
    })
  }
})
