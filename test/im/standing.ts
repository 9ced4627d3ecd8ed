import type { SubscriptionState } from '../../src/im/subscription.ts'
import { TestHouse, type TestClient } from '../house.ts'

export const JULIET = 'juliet@capulet.lit'
export const BALCONY = `${JULIET}/balcony`
export const MERCUTIO = 'mercutio@verona.lit'

/** Juliet is there, and stands so with Mercutio, who is of another server; her roster has an item of him or, unlisted, his request alone. */
export async function standing(state: SubscriptionState, approved = false, listed = true): Promise<{ house: TestHouse, juliet: TestClient }> {
  const before = new TestHouse()
  before.database.statement(`INSERT INTO roster_item (account, contact, name, groups, state, approved, listed) VALUES (?, ?, '', '[]', ?, ?, ?)`)
    .run(JULIET, MERCUTIO, state, Number(approved), Number(listed))
  const house = new TestHouse({ database: before.database })
  const juliet = await house.login(BALCONY)
  house.departed.length = 0
  return { house, juliet }
}

/** What of it is on disk. */
export function stored(house: TestHouse): SubscriptionState | undefined {
  house.database.flush()
  return house.database.statement<{ state: SubscriptionState }>('SELECT state FROM roster_item WHERE contact = ?').get(MERCUTIO)?.state
}
