import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'

/** Writes a small file, whole or not at all, in place of what is there. @throws as node:fs does */
export function writeWhole(file: string, text: string): void {
  const draft = `${file}.new`
  const descriptor = openSync(draft, 'w', 0o600)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(draft, file)
}
