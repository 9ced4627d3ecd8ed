/**
 * How the program ends (the numbers above 63 are those of sysexits.h), with what each means to a script.
 * docs/operating.md has the same table; a test keeps the two equal.
 */
export const EXIT_CODES = {
  done: { code: 0, meaning: 'Done, or stopped as asked' },
  failed: { code: 1, meaning: 'Could not start: an address is taken; the store, a certificate or a required tor is unusable' },
  unwell: { code: 2, meaning: '`sotto doctor` found something that must be mended' },
  usage: { code: 64, meaning: 'The command line is wrong' },
  data: { code: 65, meaning: 'The command was refused: no such account, a name that is taken, a line that is wrong' },
  unavailable: { code: 69, meaning: 'The running server does not answer' },
  software: { code: 70, meaning: 'A bug; please report it with the line on stderr' },
  config: { code: 78, meaning: 'The configuration or the passphrase is wrong; nothing was started' },
} as const satisfies Record<string, { readonly code: number; readonly meaning: string }>

export type Exit = keyof typeof EXIT_CODES
