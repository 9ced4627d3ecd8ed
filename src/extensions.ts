import { instantMessaging } from './im/extension.ts'
import { requireOtr } from './policy/require-otr.ts'
import type { Extension } from './routing/extension.ts'
import { disco } from './xep/0030-disco.ts'
import { blocking } from './xep/0191-blocking.ts'
import { streamManagement } from './xep/0198-stream-management.ts'
import { ping } from './xep/0199-ping.ts'
import { clientState } from './xep/0352-client-state.ts'
import { streamLimits } from './xep/0478-stream-limits.ts'
import { dataPolicy } from './xep/0504-data-policy.ts'

/**
 * The switchboard. The order is the order of the rules: what may be said at all first, then whom an account wants to
 * hear, then what its stanzas do.
 */
export const extensions: readonly Extension[] = [
  requireOtr, blocking, instantMessaging, disco, streamManagement, clientState, ping, streamLimits, dataPolicy,
]
