import { hashedToken, tokenMechanisms } from '../auth/hashed-token.ts'
import { TOKEN_MIGRATIONS, type Redeemed, type Tokens } from '../auth/tokens.ts'
import type { Claims } from '../auth/verifiers.ts'
import type { Extension } from '../routing/extension.ts'
import type { InlineFeature, Login } from '../stream/inline.ts'
import { element, type Element } from '../xml/element.ts'

const NS_FAST = 'urn:xmpp:fast:0'

/** Fast authentication by tokens (XEP-0484): a client that was here before logs in with one message. */
export function fastAuthentication(claims: Claims, tokens: Tokens): Extension {
  return {
    name: 'fast',
    implements: [{ xep: 484, title: 'Fast Authentication Streamlining Tokens', version: '0.2.0', since: '0.1.0', status: 'complete', note: 'no early data of TLS' }],
    clauses: [
      { clause: 'XEP-0484 §3.2', text: 'no token but to a client that is authenticated and says which it is' },
      { clause: 'XEP-0484 §3.4', text: 'a token is bound to its mechanism' },
      { clause: 'XEP-0484 §3.5', text: 'the old token is good until the new one was used, and not after that' },
      { clause: 'XEP-0484 §3.6', text: 'a token that is taken back is void at once' },
    ],
    migrations: TOKEN_MIGRATIONS,
    install: () => ({
      inline: [inline(claims, tokens)],
      account: {
        deleted: (account) => tokens.forget(account),
        passwordChanged: (account) => tokens.forget(account),
        renamed: (_before, account) => tokens.forget(account), // whoever has the domain's key before may have been shown proofs
        exported: (account) => ({ token: tokens.list(account) }),
      },
      seals: { resealed: (old, next) => tokens.reseal(old, next) },
    }),
  }
}

/** Nothing is taken as early data of TLS, so the count against its replay is not needed (§3.4). */
function inline(claims: Claims, tokens: Tokens): InlineFeature {
  const redeemed = new WeakMap<Login, Redeemed>()
  return {
    offer: ({ connection }) => element(NS_FAST, 'fast', {},
      ...tokenMechanisms({ channelBindings: connection.channelBindings() }).map((name) => element(NS_FAST, 'mechanism', {}, name))),

    start(name, context, login) {
      const { request, agent } = login
      if (request.child('fast', NS_FAST) === undefined || agent === undefined || !tokenMechanisms(context).includes(name)) return undefined
      return hashedToken(name, context, { claims, tokens, agent, redeemed: (one) => redeemed.set(login, one) })
    },

    async perform({ account, connection }, login) {
      const { request, mechanism, agent } = login
      // §4.1 of the client's rules: without a name for the installation there is nobody to give a token to.
      if (account === undefined || agent === undefined) return undefined
      const used = redeemed.get(login)
      if (used !== undefined && isTrue(request.child('fast', NS_FAST)?.attrs['invalidate'])) await tokens.revoke(account, agent)
      else if (used !== undefined && tokens.isDue(used)) return given(await tokens.issue({ account, agent, mechanism }))
      const asked = request.child('request-token', NS_FAST)?.attrs['mechanism']
      if (asked === undefined || !tokenMechanisms({ channelBindings: connection.channelBindings() }).includes(asked)) return undefined
      return given(await tokens.issue({ account, agent, mechanism: asked }))
    },
  }
}

function given({ token, expires }: { readonly token: string, readonly expires: number }): { readonly elements: readonly Element[] } {
  // XEP-0082 §3.2.
  return { elements: [element(NS_FAST, 'token', { token, expiry: `${new Date(expires).toISOString().slice(0, 19)}Z` })] }
}

function isTrue(value: string | undefined): boolean {
  return value === 'true' || value === '1'
}
