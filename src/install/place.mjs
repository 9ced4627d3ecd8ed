import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/(?<=.)\/$/, '')

/** Where the installer keeps what is not finished; may be removed whenever no installation runs. */
export const WORKSHOP = join(ROOT, '.install')
