import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { domainCommands } from '../../src/operate/domain.ts'
import { CommandError } from '../../src/routing/command-error.ts'
import { DomainList } from '../../src/s2s/domain-list.ts'
import { TestHouse, WITHOUT_POLICY } from '../house.ts'

describe('the operator rules on remote domains', () => {
  const list = new DomainList()
  const house = new TestHouse({ extensions: [list.extension, ...WITHOUT_POLICY, domainCommands(list)] })
  const run = async (command: string, input: unknown): Promise<unknown> => await house.installation.tables.commands.get(command)?.run(input)

  test('names are understood as in JIDs, and shown so', async () => {
    assert.deepEqual(await run('domain block', { domains: ['*', 'Verona.LIT.', 'xn--bcher-kva.lit'] }),
      { domains: ['*', 'verona.lit', 'b\u00fccher.lit'] })
    assert.deepEqual(await run('domain allow', { domains: ['mantua.lit'] }), { domains: ['mantua.lit'] })
    assert.deepEqual(await run('domain forget', { domains: ['verona.lit'] }), { domains: ['verona.lit'] })
    assert.deepEqual(await run('domain list', {}), { rulings: [
      { domain: '*', ruling: 'block' }, { domain: 'b\u00fccher.lit', ruling: 'block' }, { domain: 'mantua.lit', ruling: 'allow' },
    ] })
  })

  test('where one of several is no domain, none is ruled on', async () => {
    const before = list.all()
    for (const input of [
      { domains: ['padua.lit', 'romeo@verona.lit'] }, { domains: ['padua.lit', '*.verona.lit'] }, { domains: [''] }, { domains: [] },
      { domains: 'padua.lit' }, {}, undefined, { domains: ['padua.lit'], more: 1 }, { domains: Array.from({ length: 501 }, () => 'padua.lit') },
    ]) {
      await assert.rejects(run('domain block', input), (error) => error instanceof CommandError && error.code === 'bad-input', JSON.stringify(input))
    }
    assert.deepEqual(list.all(), before)
  })
})
