/** What is being done with a backup, for the one who waits for it. */
export const STEPS = ['snapshot', 'encrypt', 'read', 'restore'] as const
export type Step = (typeof STEPS)[number]

/** How far a step is: a whole number from 0 to 100. */
export interface Progress {
  readonly step: Step
  readonly percent: number
}

/** Is told at most once of each percent of each step. */
export type OnProgress = (progress: Progress) => void

/** Counts bytes of a step, of which the total is known, roughly. */
export function counted(step: Step, total: number, onProgress: OnProgress | undefined): (bytes: number) => void {
  let done = 0
  let last = 0
  onProgress?.({ step, percent: 0 })
  return (bytes) => {
    done += bytes
    const percent = Math.min(100, Math.floor(done * 100 / Math.max(1, total)))
    if (percent > last) onProgress?.({ step, percent })
    last = Math.max(last, percent)
  }
}
