import { askVersion, checkVersion } from '../../tor/process.ts'
import { TorError } from '../../tor/tor-error.ts'
import { bad, good, type Check } from './finding.ts'

export const torVersion: Check = {
  name: 'tor',
  async examine({ config: { tor } }) {
    if (!tor.enabled || tor.control !== '') return []
    try {
      const version = await askVersion(tor.program)
      checkVersion(version)
      return [good(`tor ${version}`)]
    } catch (error) {
      if (!(error instanceof TorError)) throw error
      return [bad(error.message, 'Install tor 0.4.8 or newer')]
    }
  },
}
