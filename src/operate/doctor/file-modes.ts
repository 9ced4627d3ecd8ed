import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { good, grave, type Check } from './finding.ts'

/** May anybody else read what is for the server's eyes? */
export const fileModes: Check = {
  name: 'Files',
  examine({ config: { files, keys, backup } }) {
    const paths = [
      files.data, files.runtime, join(files.data, 'sotto.db'), join(files.data, 'keys'), join(files.data, 'onion'), keys.file, keys.passphrase_file, backup.identity,
    ].filter((path) => path !== '' && existsSync(path))
    const open = paths.filter((path) => (statSync(path).mode & 0o077) !== 0)
    return open.length === 0 ? [good('Nobody else can read the data')]
      : open.map((path) => grave(`${path} can be opened by others`, `chmod go= ${path}`))
  },
}
