import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { Authorities, trustedAuthorities } from '../../src/net/authorities.ts'
import { judge } from '../../src/net/certificate-judge.ts'
import { CertificateError } from '../../src/net/tls.ts'
import { dns, Issued, NOW } from './authority.ts'

describe('whom we believe', () => {
  let folder: string
  before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-authorities-')) })
  after(() => rmSync(folder, { recursive: true }))

  test('the system\'s authorities, and those of the configured file besides', async () => {
    const root = await Issued.root()
    const chain = [(await root.issue({ names: [dns('montague.lit')] })).der]
    const file = join(folder, 'authority.pem')
    writeFileSync(file, `# ours\n${root.pem}`)
    assert.deepEqual(judge(chain, { authorities: trustedAuthorities(), now: NOW }), { trusted: false, reason: 'untrusted' })
    const both = trustedAuthorities(file)
    assert.equal(judge(chain, { authorities: both, now: NOW }).trusted, true)
    assert.ok(both.size > 50, 'with the public ones')
  })

  test('a configured file that is missing or holds none is told with its name', () => {
    const empty = join(folder, 'empty.pem')
    writeFileSync(empty, '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n')
    assert.throws(() => trustedAuthorities(empty), (error) => error instanceof CertificateError && error.message.includes('empty.pem'))
    assert.throws(() => trustedAuthorities(join(folder, 'gone.pem')), (error) => error instanceof CertificateError && /gone\.pem.*ENOENT/.test(error.message))
  })

  test('what is broken among many is left out', () => {
    const [first = '', second = ''] = rootCertificates
    assert.equal(new Authorities([`${first}\n${first.replace(/[A-Za-z]{40}/, 'A'.repeat(40))}\n${second}`, 'rubbish']).size >= 2, true)
  })
})
