/**
 * The lines on which the keys of a TOML file stand, by dotted path ('listeners[0].port'), for messages.
 *
 * The TOML library tells no positions of what it read well, so headers and `key =` lines are read a second time,
 * loosely: a key inside an inline table is not found, and its parent's line is told instead.
 */
export class KeyLines {
  readonly #lines: ReadonlyMap<string, number>

  constructor(text: string) {
    this.#lines = read(text)
  }

  /** The line of this key, or of the nearest one above it that was found. */
  of(key: string): number | undefined {
    for (let path = key; path !== ''; path = path.replace(/(^|\.)[^.[\]]*$|\[\d*\]$/, '')) {
      const line = this.#lines.get(path)
      if (line !== undefined) return line
    }
    return undefined
  }
}

function read(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  const tables = new Map<string, number>()
  let table = ''
  for (const [index, line] of text.split('\n').entries()) {
    const [, array, header] = /^\s*\[(\[)?\s*([\w.-]+)\s*\]/.exec(line) ?? []
    const [, key] = /^\s*([\w.-]+)\s*=/.exec(line) ?? []
    if (header !== undefined && array !== undefined) {
      const position = tables.get(header) ?? 0
      tables.set(header, position + 1)
      table = `${header}[${position}]`
    } else if (header !== undefined) {
      table = header
    }
    const path = header !== undefined ? table : key === undefined ? '' : table === '' ? key : `${table}.${key}`
    if (path !== '' && !lines.has(path)) lines.set(path, index + 1)
  }
  return lines
}
