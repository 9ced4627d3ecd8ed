import { existsSync, statfsSync } from 'node:fs'
import { bad, good, grave, type Check } from './finding.ts'

const LITTLE_BYTES = 512 * 1024 * 1024
const NOTHING_BYTES = 64 * 1024 * 1024

export const disk: Check = {
  name: 'Disk',
  examine({ config: { files } }) {
    if (!existsSync(files.data)) return []
    const { bavail, bsize } = statfsSync(files.data)
    const free = bavail * bsize
    const says = `${Math.floor(free / 1024 / 1024)} MB are free for the data`
    return [free < NOTHING_BYTES ? grave(says, 'Make room at once: nothing can be stored soon') : free < LITTLE_BYTES ? bad(says, 'Make room') : good(says)]
  },
}
