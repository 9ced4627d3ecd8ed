import { instantMessaging } from './im/extension.ts'
import { requireOtr } from './policy/require-otr.ts'
import type { Extension } from './routing/extension.ts'
import { disco } from './xep/0030-disco.ts'
import { privateStorage } from './xep/0049-private.ts'
import { vcard } from './xep/0054-vcard.ts'
import { pubsub } from './xep/0060-pubsub.ts'
import { capabilities } from './xep/0115-caps.ts'
import { pep } from './xep/0163-pep.ts'
import { blocking } from './xep/0191-blocking.ts'
import { ping } from './xep/0199-ping.ts'
import { avatarConversion } from './xep/0398-avatar-conversion.ts'
import { dataPolicy } from './xep/0504-data-policy.ts'

/**
 * The switchboard. The order is the order of the rules: what may be said at all first, then whom an account wants to
 * hear, then what its stanzas do.
 */
export const extensions: readonly Extension[] = [
  requireOtr, blocking, avatarConversion, instantMessaging, pep, pubsub, vcard, privateStorage, capabilities, disco, ping, dataPolicy,
]
