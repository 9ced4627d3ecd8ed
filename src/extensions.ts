import { instantMessaging } from './im/extension.ts'
import { requireOtr } from './policy/require-otr.ts'
import type { Extension } from './routing/extension.ts'
import { disco } from './xep/0030-disco.ts'
import { contactAddresses } from './xep/0157-contact-addresses.ts'
import { blocking } from './xep/0191-blocking.ts'
import { ping } from './xep/0199-ping.ts'
import { stanzaIds } from './xep/0359-stanza-ids.ts'
import { reporting } from './xep/0377-reporting.ts'
import { dataPolicy } from './xep/0504-data-policy.ts'

/**
 * The switchboard. The order is the order of the rules: what may be said at all first, then whom an account wants to
 * hear, then what its stanzas do.
 */
export const extensions: readonly Extension[] = [
  requireOtr, blocking, stanzaIds, instantMessaging, disco, contactAddresses, ping, reporting, dataPolicy,
]
