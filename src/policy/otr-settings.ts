import type { Config } from '../config/schema.ts'
import { DEFAULT_SETTINGS, type OtrSettings } from '../otr/classified.ts'
import type { Version } from '../otr/header.ts'

const VERSIONS: Readonly<Record<Config['policy']['otr_versions'][number], Version>> = { 2: 2, 3: 3, 4: 4 }

/** What the configuration says of OTR, as the reading of bodies wants it. */
export function otrSettings({ policy }: Config): OtrSettings {
  return { ...DEFAULT_SETTINGS, versions: policy.otr_versions.map((version) => VERSIONS[version]) }
}
