/** Removes Juliet's account, and is killed: before all of it is on disk, or after, when her contacts would be told. */
import type { Extension } from '../../src/routing/extension.ts'
import { jid, RealHouse } from './real-house.ts'

const [folder = '', moment] = process.argv.slice(2)

const killer: Extension = {
  name: 'killer', implements: [],
  install: () => ({ account: { deleted: () => {
    if (moment === 'before') process.kill(process.pid, 'SIGKILL')
    return () => { process.kill(process.pid, 'SIGKILL') }
  } } }),
}

const { house } = await RealHouse.open(folder, [killer])
house.accountLife.remove(jid('juliet@capulet.lit'))
