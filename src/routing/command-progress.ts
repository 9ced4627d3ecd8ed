/** How far a command is: a constant's name for what it does now, and a whole number from 0 to 100. */
export interface CommandProgress {
  readonly step: string
  readonly percent: number
}
