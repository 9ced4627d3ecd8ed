import { instantMessaging } from './im/extension.ts'
import { requireOtr } from './policy/require-otr.ts'
import type { RegistrationOffice } from './registration/application.ts'
import type { OwnAccountParts } from './registration/own-accounts.ts'
import type { Registration } from './registration/registration.ts'
import { Visits } from './registration/visits.ts'
import type { Extension } from './routing/extension.ts'
import { disco } from './xep/0030-disco.ts'
import { privateStorage } from './xep/0049-private.ts'
import { adHocCommands } from './xep/0050-ad-hoc.ts'
import { vcard } from './xep/0054-vcard.ts'
import { pubsub } from './xep/0060-pubsub.ts'
import { inBandRegistration } from './xep/0077-registration.ts'
import { capabilities } from './xep/0115-caps.ts'
import { administration, type AdministrationParts } from './xep/0133-administration.ts'
import { contactAddresses } from './xep/0157-contact-addresses.ts'
import { pep } from './xep/0163-pep.ts'
import { blocking } from './xep/0191-blocking.ts'
import { streamManagement } from './xep/0198-stream-management.ts'
import { ping } from './xep/0199-ping.ts'
import { bitsOfBinary } from './xep/0231-bits-of-binary.ts'
import { clientState } from './xep/0352-client-state.ts'
import { stanzaIds } from './xep/0359-stanza-ids.ts'
import { reporting } from './xep/0377-reporting.ts'
import { avatarConversion } from './xep/0398-avatar-conversion.ts'
import { accountInvitations } from './xep/0401-invitations.ts'
import { preauthenticatedRegistration } from './xep/0445-preauth.ts'
import { streamLimits } from './xep/0478-stream-limits.ts'
import { dataPolicy } from './xep/0504-data-policy.ts'

/**
 * The switchboard. The order is the order of the rules: what may be said at all first, then whom an account wants to
 * hear, then what its stanzas do.
 */
export const extensions: readonly Extension[] = [
  requireOtr, blocking, stanzaIds, avatarConversion, instantMessaging, pep, pubsub, vcard, privateStorage, capabilities, disco, adHocCommands, contactAddresses,
  streamManagement, clientState, ping, streamLimits, reporting, dataPolicy,
]

/** Those by which an account is asked for, which want more of the house than it gives to all: made where that is there. */
export function registrationExtensions(parts: OwnAccountParts & { readonly office: RegistrationOffice }): readonly Extension[] {
  const visits = new Visits(parts.domains)
  return [inBandRegistration({ ...parts, visits }), bitsOfBinary(visits), preauthenticatedRegistration(parts.office, visits)]
}

/** Those by which operators, and users whom they let, make accounts for others: the same holds of them. */
export function administrationExtensions(parts: AdministrationParts & { readonly office: Registration }): readonly Extension[] {
  return [accountInvitations(parts.office), administration(parts)]
}
