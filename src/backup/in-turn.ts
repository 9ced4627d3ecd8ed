/** Works at so many at a time, and gives what comes of each in the order of the items. The first failure ends it. */
export async function* inTurn<Item, Result>(items: Iterable<Item>, most: number, work: (item: Item) => Promise<Result>): AsyncGenerator<Result> {
  const going: Promise<Result>[] = []
  for (const item of items) {
    const result = work(item)
    result.catch(() => {}) // it is awaited below, or an earlier one has failed
    if (going.push(result) >= most) yield await (going.shift() as Promise<Result>) // there is one, just pushed
  }
  for (const result of going) yield await result
}
