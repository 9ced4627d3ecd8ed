import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bad, good, notice, type Check } from './finding.ts'

/** tor's view of the network, signed by its authorities, says from when to when it is valid. Nobody has to be asked for the time. */
export const clock: Check = {
  name: 'Clock',
  examine({ config, now }) {
    if (!config.tor.enabled) return []
    const file = ['cached-microdesc-consensus', 'cached-consensus'].map((name) => join(config.files.data, 'tor', 'state', name)).find(existsSync)
    if (file === undefined) return [notice('tor has no view of its network yet, by which the clock could be judged', 'Look again once tor is ready')]
    const text = readFileSync(file, 'latin1').slice(0, 4096)
    const time = (name: string): number => Date.parse(`${new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]?.replace(' ', 'T') ?? ''}Z`)
    const [from, to] = [time('valid-after'), time('valid-until')]
    if (now < from) return [bad('The clock is behind: tor\'s view of its network is of the future', 'Set it, e.g. by chrony or systemd-timesyncd')]
    if (now > to) return [notice('tor\'s view of its network is out of date, or the clock is ahead', 'Is tor connected? Else set the clock')]
    return [good('The clock agrees with Tor\'s authorities')]
  },
}
