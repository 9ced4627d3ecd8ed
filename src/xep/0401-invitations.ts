import { accountName } from '../registration/names.ts'
import { invitationLinks } from '../registration/links.ts'
import { pagesAddresses } from '../registration/pages-address.ts'
import type { Registration } from '../registration/registration.ts'
import { UserInvitations } from '../registration/user-invitations.ts'
import type { AdHocAsker, AdHocCommand, AdHocStep, Filled } from '../routing/ad-hoc.ts'
import type { Extension, Host } from '../routing/extension.ts'
import { resultForm } from '../xmpp/data-form.ts'
import type { Jid } from '../xmpp/jid.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const NS_INVITE = 'urn:xmpp:invite'
const WEEK_MILLISECONDS = 7 * 86_400_000

const TOO_MANY = new StanzaError('resource-constraint', { text: 'Too many invitations are out. Wait until some are used or expire.' })
const NAME_INVALID = new StanzaError('not-acceptable', { text: 'A name is 1 to 64 of a-z, 0-9, dot, hyphen and underscore, and opens with a letter or digit.' })
const NAME_TAKEN = new StanzaError('conflict', { text: 'This name is taken, promised, or that of a deleted account.' })

const DECLARED = {
  name: 'account-invitations',
  implements: [{ xep: 401, title: 'Ad-hoc Account Invitation Generation', version: '0.6.0', since: '0.1.0', status: 'complete' }],
  clauses: [
    { clause: 'XEP-0401 §2', text: 'there is pre-authenticated registration' },
    { clause: 'XEP-0401 §5.1', text: 'the result has an XMPP URI' },
    { clause: 'XEP-0401 §5.1', text: 'the expiration is a DateTime' },
    { clause: 'XEP-0401 §5.5', text: 'the inviter is pushed the new contact' },
    { clause: 'XEP-0401 §6.2', text: 'a name is reserved until the token expires' },
  ],
} as const satisfies Omit<Extension, 'install'>

/**
 * XEP-0401: Ad-hoc Account Invitation Generation. Accounts may invite where the operator lets them, so many at a time;
 * names are for operators to promise. Section numbers are those of version 0.6.0.
 */
export function accountInvitations(office: Registration): Extension {
  return { ...DECLARED, install: (host) => ({ adHoc: [inviteCommand(host, office), createAccountCommand(host, office)] }) }
}

/** §5.1: the link at once, "with no further interaction with the user". */
function inviteCommand(host: Host, office: Registration): AdHocCommand {
  const invitations = new UserInvitations(office, host.config.registration.invitations_per_account, host.clock)
  return {
    node: `${NS_INVITE}#invite`,
    name: 'Invite user',
    mayUse: ({ account, domain }) => office.mode(domain) !== 'closed'
      && (host.config.registration.users_invite || host.operators.includes(account)),
    async begin({ account, domain }) {
      const made = await invitations.make({ domain, milliseconds: WEEK_MILLISECONDS, inviter: account })
      return made === undefined ? TOO_MANY : told(host, { account, domain }, made, { inviter: account })
    },
  }
}

/** §5.4. */
function createAccountCommand(host: Host, office: Registration): AdHocCommand {
  return {
    node: `${NS_INVITE}#create-account`,
    name: 'Create account',
    mayUse: ({ account, domain }) => office.mode(domain) !== 'closed' && host.operators.includes(account),
    begin: (asker) => ({
      formType: `${NS_INVITE}#create-account`,
      title: 'Invite to an account',
      instructions: 'Whoever is invited chooses the password, and the name where none is given here.',
      fields: [
        { name: 'username', type: 'text-single', label: 'Name' },
        { name: 'roster-subscription', type: 'boolean', label: 'Be contacts', value: '0' },
      ],
      isLast: true,
      submit: (filled) => createAccount(host, office, asker, filled),
    }),
  }
}

async function createAccount(host: Host, office: Registration, asker: AdHocAsker, filled: Filled): Promise<AdHocStep> {
  const { account, domain } = asker
  const [text = ''] = filled('username')
  const name = text.trim() === '' ? undefined : accountName(text.trim())
  if (text.trim() !== '' && name === undefined) return NAME_INVALID
  const objections = name === undefined ? [] : office.names.objections(domain, name)
  // What else speaks against it is the operator's to judge; a name that was buried takes the program, and a word.
  if ((['exists', 'promised', 'deleted'] as const).some((objection) => objections.includes(objection))) return NAME_TAKEN
  const inviter = ['1', 'true'].includes(filled('roster-subscription')[0] ?? '') ? account : undefined
  const made = await office.invite({
    domain, milliseconds: WEEK_MILLISECONDS, ...name === undefined ? {} : { name }, ...inviter === undefined ? {} : { inviter },
  })
  return made === undefined ? TOO_MANY : told(host, asker, made, { name, inviter })
}

function told(
  { config }: Host, { domain }: Pick<AdHocAsker, 'account' | 'domain'>, { token, expires }: { readonly token: string, readonly expires: number },
  { name, inviter }: { readonly name?: string | undefined, readonly inviter?: Jid | undefined },
): AdHocStep {
  const { xmpp, web: [page] } = invitationLinks(domain, token, { name, inviter }, pagesAddresses(domain, config))
  // XEP-0082 §3.2.
  const expire = new Date(expires).toISOString().replace(/\.\d+Z$/, 'Z')
  return { done: { result: resultForm(`${NS_INVITE}#invitation`, [
    { name: 'uri', type: 'text-single', values: [xmpp] },
    ...page === undefined ? [] : [{ name: 'landing-url', type: 'text-single' as const, values: [page] }],
    { name: 'expire', type: 'text-single', values: [expire] },
  ]) } }
}
