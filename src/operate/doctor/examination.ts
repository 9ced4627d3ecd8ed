import { backups } from './backups.ts'
import { certificates } from './certificates.ts'
import { clock } from './clock.ts'
import { disk } from './disk.ts'
import { dns } from './dns.ts'
import { exposure } from './exposure.ts'
import { fileModes } from './file-modes.ts'
import { bad, type Check, type Finding, type Patient, type Verdict } from './finding.ts'
import { listenersTls } from './listeners-tls.ts'
import { logging } from './logging.ts'
import { onions } from './onions.ts'
import { storageKey } from './storage-key.ts'
import { torVersion } from './tor-version.ts'

/** In the order in which they are told. */
const CHECKS: readonly Check[] = [
  onions, torVersion, clock, listenersTls, certificates, exposure, dns, fileModes, storageKey, backups, logging, disk,
]

export type Grade = 'A' | 'B' | 'C' | 'D' | 'F'

export interface Examination {
  readonly grade: Grade
  readonly checks: readonly { readonly name: string, readonly findings: readonly Finding[] }[]
}

/** Looks at everything, all at once. */
export async function examine(patient: Patient, checks: readonly Check[] = CHECKS): Promise<Examination> {
  const looked = await Promise.all(checks.map(async (check) => ({ name: check.name, findings: await findingsOf(check, patient) })))
  return { grade: gradeOf(looked.flatMap(({ findings }) => findings)), checks: looked }
}

async function findingsOf(check: Check, patient: Patient): Promise<readonly Finding[]> {
  try {
    return await check.examine(patient)
  } catch (error) {
    const says = `could not be looked at (${error instanceof Error ? error.name : 'unknown'})`
    return [bad(says, 'Report it: no check should fail')]
  }
}

/** A: nothing but good and one notice at the most; B: notices; C: one that is bad; D: several; F: one that is grave. */
export function gradeOf(findings: readonly Finding[]): Grade {
  const count = (verdict: Verdict): number => findings.filter((one) => one.verdict === verdict).length
  if (count('grave') > 0) return 'F'
  if (count('bad') > 1) return 'D'
  if (count('bad') === 1) return 'C'
  return count('notice') > 1 ? 'B' : 'A'
}
