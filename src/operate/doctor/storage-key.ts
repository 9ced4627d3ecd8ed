import { sep } from 'node:path'
import { good, notice, type Check } from './finding.ts'

export const storageKey: Check = {
  name: 'Storage key',
  examine({ config: { files, keys } }) {
    if (keys.file === '') return [good('It follows from a passphrase')]
    return keys.file.startsWith(files.data + sep)
      ? [notice('It lies in the data directory: whoever copies that can try passwords', 'Put it on another disk (keys.file), or use a passphrase')]
      : [good('It lies outside of the data directory')]
  },
}
