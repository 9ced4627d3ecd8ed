/** Changes the storage key of the server here again and again, makes accounts meanwhile, and says which were acknowledged. */
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load.ts'
import { openHouse } from '../../src/house.ts'
import { createLog } from '../../src/log.ts'
import { jid } from '../house.ts'

const house = await openHouse(loadConfig('sotto.toml', { cwd: process.cwd() }), systemClock, createLog({ level: 'silent', roster: false }))
process.stdout.write('begun\n')

async function makeAccounts(): Promise<void> {
  for (let number = 0; ; number++) {
    const name = `${process.argv[2]}-${number}`
    await house.accounts.create(jid(`${name}@capulet.lit`), 'wherefore art thou')
    process.stdout.write(`made ${name}\n`)
  }
}

async function rotate(): Promise<void> {
  for (;;) {
    await house.rotateKey()
    process.stdout.write('rotated\n')
  }
}

await Promise.all([makeAccounts(), rotate()])
