/**
 * Why a command of the operator was not carried out: what it was given makes no sense; it makes sense and is refused
 * (the account exists, a name is ambiguous); nobody is there to do it now; it was done, and what it found is bad; a bug.
 */
export type CommandErrorCode = 'bad-input' | 'refused' | 'unavailable' | 'unwell' | 'internal'

/** A command is refused. Thrown by CommandRoute.run; the message is for the operator and holds no secret. */
export class CommandError extends Error {
  readonly code: CommandErrorCode

  constructor(code: CommandErrorCode, message: string) {
    super(message)
    this.name = 'CommandError'
    this.code = code
  }
}
