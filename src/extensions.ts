import { instantMessaging } from './im/extension.ts'
import { requireOtr } from './policy/require-otr.ts'
import type { Extension } from './routing/extension.ts'
import { disco } from './xep/0030-disco.ts'
import { blocking } from './xep/0191-blocking.ts'
import { ping } from './xep/0199-ping.ts'
import { dataPolicy } from './xep/0504-data-policy.ts'

/**
 * The switchboard. The order is the order of the rules: what may be said at all first, then whom an account wants to
 * hear, then what its stanzas do.
 */
export const extensions: readonly Extension[] = [requireOtr, blocking, instantMessaging, disco, ping, dataPolicy]
