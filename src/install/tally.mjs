import { relative } from 'node:path'
import { ROOT } from './place.mjs'

/** A reporter for `node --test`: counts and times by source file, as one JSON object at the end. */
export default async function * tally(events) {
  const files = {}
  const skipped = []
  for await (const { type, data } of events) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.file === undefined) continue
    const file = relative(ROOT, data.file).replace(/^dist\//, '').replace(/\.js$/, '.ts')
    const counted = files[file] ??= { passed: 0, failed: 0, skipped: 0, milliseconds: 0 }
    const isFile = data.file.endsWith(data.name)
    if (data.nesting === 0 && !isFile) counted.milliseconds += data.details.duration_ms
    if (data.skip !== undefined || data.todo !== undefined) {
      counted.skipped++
      skipped.push(`${data.name} (${data.skip || data.todo || 'no reason given'})`)
    } else if (type === 'test:pass') {
      if (!isFile && data.details.type !== 'suite') counted.passed++
    } else if (!isFile || counted.failed === 0) {
      // A file fails by itself when it crashes or passes its deadline; a suite or parent, when a test in it does.
      if (data.details.error?.failureType !== 'subtestsFailed') counted.failed++
    }
  }
  yield JSON.stringify({ files, skipped })
}
