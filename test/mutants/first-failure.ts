import type { TestEvent } from 'node:test/reporters'

/** One failed test, as a line of JSON. */
export interface Failure {
  readonly title: string
  /** Was it an assertion that failed, and not the code? */
  readonly isAssertion: boolean
  readonly message: string
}

/** A reporter for Node's test runner that tells failures alone, each as soon as it is known. */
export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:fail') continue
    const { error } = data.details
    // What holds a failed test fails as well, and says nothing new.
    if ('failureType' in error && error.failureType === 'subtestsFailed') continue
    const { cause } = error
    const isAssertion = cause instanceof Error && 'code' in cause && cause.code === 'ERR_ASSERTION'
    yield `${JSON.stringify({ title: data.name, isAssertion, message: error.message } satisfies Failure)}\n`
  }
}
