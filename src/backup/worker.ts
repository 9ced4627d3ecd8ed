/** The thread in which backups are made: encrypting takes a core for a while, and there are streams to serve. */
import { parentPort, workerData } from 'node:worker_threads'
import { conditionOf } from './backup-error.ts'
import { make, type Making } from './making.ts'
import type { Progress } from './progress.ts'

/** How far it is, and what came of it, once. */
export type Said = { readonly progress: Progress } | Outcome
type Outcome = { readonly made: Awaited<ReturnType<typeof make>> } | { readonly failed: string, readonly message: string }

const say = (said: Said): void => parentPort?.postMessage(said)

say(await make(workerData as Making, (progress) => say({ progress })).then(
  (made) => ({ made }),
  (error: unknown) => ({
    failed: conditionOf(error),
    message: error instanceof Error ? error.message : 'unknown',
  }),
))
