import { SingleBar } from 'cli-progress'
import type { CommandProgress } from '../routing/command-progress.ts'

const WIDTH = 30

/** What a person at a terminal sees of something that takes a while; where the stream is no terminal, nothing is written. */
export class ProgressBar {
  readonly #bar: SingleBar
  readonly #says: (step: string) => string
  #isShown = false

  /** `says`: the words for a step. */
  constructor(stream: NodeJS.WritableStream, says: (step: string) => string) {
    this.#says = says
    this.#bar = new SingleBar({
      stream, format: '{says} [{bar}] {percentage} %', barsize: WIDTH, barCompleteChar: '=', barIncompleteChar: ' ',
      clearOnComplete: true, synchronousUpdate: true,
      // Whoever ends us by a signal gets the terminal back as it was.
      hideCursor: false, linewrap: true, gracefulExit: false,
    })
  }

  readonly show = ({ step, percent }: CommandProgress): void => {
    const payload = { says: this.#says(step) }
    if (this.#isShown) return this.#bar.update(percent, payload)
    this.#isShown = true
    this.#bar.start(100, percent, payload)
  }

  /** Takes it away, so that what is said next stands in its place. */
  end(): void {
    if (this.#isShown) this.#bar.stop()
    this.#isShown = false
  }
}
