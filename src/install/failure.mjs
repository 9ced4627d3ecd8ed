/** An installation that cannot go on: what is wrong, what a person can do, and the end of what a program said. */
export class Failure extends Error {
  constructor(message, remedy, output = '') {
    super(message)
    this.remedy = remedy
    this.output = output
  }

  text() {
    const quoted = this.output === '' ? [] : this.output.split('\n').map((line) => `  | ${line}`)
    return [`sotto: ${this.message}`, ...quoted, ...(this.remedy === undefined ? [] : [`sotto: ${this.remedy}`])].join('\n')
  }
}

/** One line of progress. The server's own log is on stderr, so this is stdout. */
export function say(line) {
  process.stdout.write(`sotto: ${line}\n`)
}

const SHOWN_LINES = 15

/** What of a failed program's output a person is shown. */
export function lastLines(output) {
  return output.trimEnd().split('\n').filter((line) => line.trim() !== '').slice(-SHOWN_LINES).join('\n')
}
