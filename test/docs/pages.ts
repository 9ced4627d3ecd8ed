import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'

/** Path from the repository's root -> text. */
export type Pages = ReadonlyMap<string, string>

/** The repository: this file runs from dist/test/docs. */
export const ROOT = dirname(dirname(dirname(import.meta.dirname)))

/** Every file under `folder` ('' is the repository, without what is installed, built or data) whose path matches. */
export function readPages(folder: string, pattern: RegExp): Map<string, string> {
  const pages = new Map<string, string>()
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true }).sort((one, other) => one.name < other.name ? -1 : 1)) {
    const path = posix.join(folder, entry.name)
    if (/^(\.git|\.install|node_modules|dist|data|test-results)$/.test(path)) continue
    if (entry.isDirectory()) for (const [file, text] of readPages(path, pattern)) pages.set(file, text)
    else if (pattern.test(path)) pages.set(path, readFileSync(join(ROOT, path), 'utf8'))
  }
  return pages
}
