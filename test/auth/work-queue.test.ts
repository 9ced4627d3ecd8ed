import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QueueFull, WorkQueue } from '../../src/auth/work-queue.ts'

/** Works that end when they are told to. */
class Works {
  readonly started: number[] = []
  readonly #ends = new Map<number, () => void>()

  make(number: number): () => Promise<number> {
    return () => {
      this.started.push(number)
      return new Promise((resolve) => { this.#ends.set(number, () => resolve(number)) })
    }
  }

  async end(number: number, ended: Promise<unknown>): Promise<void> {
    this.#ends.get(number)?.()
    await ended
    await Promise.resolve()
  }
}

test('so much runs at once, so much waits in order, and the rest is refused', async () => {
  const queue = new WorkQueue(2, 2)
  const works = new Works()
  const [one, two, three, four] = [1, 2, 3, 4].map((number) => queue.run(works.make(number)))
  assert.deepEqual(works.started, [1, 2])
  await assert.rejects(queue.run(works.make(5)), QueueFull)
  await works.end(2, two ?? Promise.reject(new Error('none')))
  assert.deepEqual(works.started, [1, 2, 3])
  const six = queue.run(works.make(6))
  await works.end(1, one ?? Promise.reject(new Error('none')))
  await works.end(3, three ?? Promise.reject(new Error('none')))
  assert.deepEqual(works.started, [1, 2, 3, 4, 6])
  await works.end(4, four ?? Promise.reject(new Error('none')))
  await works.end(6, six)
  assert.deepEqual(await six, 6)
})

test('a work that fails gives its place on', async () => {
  const queue = new WorkQueue(1, 1)
  const [failed, next] = await Promise.allSettled([
    queue.run(() => Promise.reject(new Error('no'))), queue.run(() => Promise.resolve('yes')),
  ])
  assert.equal(failed.status, 'rejected')
  assert.deepEqual(next, { status: 'fulfilled', value: 'yes' })
  assert.equal(await queue.run(() => Promise.resolve('again')), 'again')
})
