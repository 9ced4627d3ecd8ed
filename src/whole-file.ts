import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** Writes a small file, whole or not at all, in place of what is there. @throws as node:fs does */
export function writeWhole(file: string, text: string): void {
  const draft = `${file}.new`
  try {
    const descriptor = openSync(draft, 'w', 0o600)
    try {
      // Not writeSync: on a disk that is nearly full it writes the first part, and does not fail.
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}
