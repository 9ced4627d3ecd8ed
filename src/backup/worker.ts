/** The thread in which backups are made: encrypting takes a core for a while, and there are streams to serve. */
import { parentPort, workerData } from 'node:worker_threads'
import { make, type Making } from './making.ts'

/** What it says, once. */
export type Outcome = { readonly made: Awaited<ReturnType<typeof make>> } | { readonly failed: string, readonly message: string }

const outcome: Outcome = await make(workerData as Making).then(
  (made) => ({ made }),
  (error: unknown) => ({
    failed: error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : 'unknown',
    message: error instanceof Error ? error.message : 'unknown',
  }),
)
parentPort?.postMessage(outcome)
