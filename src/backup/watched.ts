import type { Watch } from './copy-target.ts'

/** Hands bytes on, and tells the watch of each piece. @throws the signal's reason once it is aborted */
export async function* watched(bytes: AsyncIterable<unknown>, { signal, moved }: Watch): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    signal.throwIfAborted()
    moved()
    yield chunk as Buffer // only binary streams are handed in
  }
}

/** Answers as the work does, unless the signal comes first; what comes of the work then is nobody's. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(signal.reason as Error)
    if (signal.aborted) aborted()
    signal.addEventListener('abort', aborted, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted))
  })
}
