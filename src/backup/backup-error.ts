/** A backup cannot be made, read or put in place: says which file, and what is wrong with it. */
export class BackupError extends Error {
  readonly file: string

  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`${file}: ${problem}`, options)
    this.name = 'BackupError'
    this.file = file
  }
}
