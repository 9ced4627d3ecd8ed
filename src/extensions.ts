import { instantMessaging } from './im/extension.ts'
import { requireOtr } from './policy/require-otr.ts'
import type { RegistrationOffice } from './registration/application.ts'
import type { OwnAccountParts } from './registration/own-accounts.ts'
import { Visits } from './registration/visits.ts'
import type { Extension } from './routing/extension.ts'
import { disco } from './xep/0030-disco.ts'
import { inBandRegistration } from './xep/0077-registration.ts'
import { blocking } from './xep/0191-blocking.ts'
import { ping } from './xep/0199-ping.ts'
import { bitsOfBinary } from './xep/0231-bits-of-binary.ts'
import { preauthenticatedRegistration } from './xep/0445-preauth.ts'
import { dataPolicy } from './xep/0504-data-policy.ts'

/**
 * The switchboard. The order is the order of the rules: what may be said at all first, then whom an account wants to
 * hear, then what its stanzas do.
 */
export const extensions: readonly Extension[] = [requireOtr, blocking, instantMessaging, disco, ping, dataPolicy]

/** Those by which an account is asked for, which want more of the house than it gives to all: made where that is there. */
export function registrationExtensions(parts: OwnAccountParts & { readonly office: RegistrationOffice }): readonly Extension[] {
  const visits = new Visits(parts.domains)
  return [inBandRegistration({ ...parts, visits }), bitsOfBinary(visits), preauthenticatedRegistration(parts.office, visits)]
}
