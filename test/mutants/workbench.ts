import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import typescript from 'typescript'
import type { Failure } from './first-failure.ts'
import type { Mutant } from './mutant.ts'

export const ROOT = join(import.meta.dirname, '../../..')
/** The slowest test file takes some three seconds; a mutant may also never end. */
const LONGEST_RUN_MILLISECONDS = 60_000

/** As in tsconfig.json, but what NodeNext finds out from package.json has to be said: alone, a file knows no package. */
const OPTIONS = {
  target: typescript.ScriptTarget.ES2023, module: typescript.ModuleKind.ESNext, verbatimModuleSyntax: true, rewriteRelativeImportExtensions: true,
}

/** What running a test file came to: the first test that failed by an assertion, or else why there is none. */
export type Outcome =
  | { readonly outcome: 'killed', readonly title: string }
  | { readonly outcome: 'survived' }
  | { readonly outcome: 'broken', readonly reason: string }

/** A copy of the built server and its tests, in which one source file at a time can be another. */
export class Workbench {
  readonly #root = mkdtempSync(join(tmpdir(), 'sotto-mutants-'))

  /** @param files those that will be mutated: what fails then must not fail because of how they were compiled */
  constructor(files: readonly string[]) {
    for (const name of readdirSync(ROOT)) {
      // What is not built (vectors, packages, the configuration) is read where it is.
      if (name !== 'dist' && name !== '.git') symlinkSync(join(ROOT, name), join(this.#root, name))
    }
    cpSync(join(ROOT, 'dist'), join(this.#root, 'dist'), { recursive: true })
    for (const file of files) this.#build(file, sourceOf(file))
  }

  /** Runs the tests until one fails. Only a failed assertion counts: a mutant that merely crashes shows nothing. */
  async try(mutant: Mutant): Promise<Outcome> {
    this.#build(mutant.file, mutated(mutant))
    try {
      let last: Outcome = { outcome: 'survived' }
      for (const test of mutant.tests) {
        const outcome = await this.run(test)
        if (outcome.outcome === 'killed') return { outcome: 'killed', title: `${test}: ${outcome.title}` }
        if (outcome.outcome === 'broken') last = outcome
      }
      return last
    } finally {
      this.#build(mutant.file, sourceOf(mutant.file))
    }
  }

  run(test: string): Promise<Outcome> {
    const child = spawn(process.execPath, [`--test-reporter=${join(import.meta.dirname, 'first-failure.js')}`, this.#built(test)], {
      cwd: this.#root, stdio: ['ignore', 'pipe', 'pipe'], timeout: LONGEST_RUN_MILLISECONDS, killSignal: 'SIGKILL',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    })
    let killer: string | undefined
    let crash: string | undefined
    let complaint = ''
    createInterface(child.stdout).on('line', (line) => {
      if (!line.startsWith('{"title":')) return
      const { title, isAssertion, message } = JSON.parse(line) as Failure // our own reporter's
      if (isAssertion) {
        killer ??= title
        child.kill('SIGKILL')
      } else {
        crash ??= `${title}: ${message}`
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { complaint = (complaint + text).slice(-2000) })
    return new Promise((resolve, reject) => {
      child.once('error', reject).once('close', (code, signal) => {
        if (killer !== undefined) resolve({ outcome: 'killed', title: killer })
        else if (code === 0) resolve({ outcome: 'survived' })
        else resolve({ outcome: 'broken', reason: `${test}: ${crash ?? `ended with ${signal ?? code}`}\n${complaint}` })
      })
    })
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true })
  }

  #build(file: string, source: string): void {
    const { outputText } = typescript.transpileModule(source, { compilerOptions: OPTIONS, fileName: join(ROOT, file) })
    writeFileSync(this.#built(file), outputText)
  }

  #built(file: string): string {
    return join(this.#root, 'dist', file.replace(/\.ts$/, '.js'))
  }
}

export function sourceOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** How often the mutant's text is in its file: not once where the list is out of date. */
export function placesOf({ file, find }: Mutant): number {
  return sourceOf(file).split(find).length - 1
}

function mutated(mutant: Mutant): string {
  if (placesOf(mutant) !== 1) throw new Error(`${mutant.file} has ${placesOf(mutant)} places with: ${mutant.find}`)
  return sourceOf(mutant.file).replace(mutant.find, () => mutant.replace)
}
