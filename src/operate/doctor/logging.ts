import { good, notice, type Check, type Finding } from './finding.ts'

export const logging: Check = {
  name: 'Log',
  examine({ config: { log: { level, roster } } }) {
    const findings: Finding[] = [level === 'info' || level === 'debug'
      ? notice(`Its level is "${level}" for good`, 'Write log.level = "error"; to see more for a while: sotto log raise')
      : good(`Its level is "${level}"; no level names anybody`)]
    return roster ? [...findings, notice('It tells who changed which contact (log.roster)', 'Your users must know; else switch it off')] : findings
  },
}
