import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScramClient } from './scram.ts'

const EXCHANGES = [
  {
    title: 'RFC 5802 §5: SCRAM-SHA-1, the example',
    hash: 'sha1',
    nonce: 'fyko+d2lbbFgONRv9qkxdawL',
    serverFirst: 'r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096',
    final: 'c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=',
    serverFinal: 'v=rmF9pqV8S7suAoZWja4dJRkFsKQ=',
  },
  {
    title: 'RFC 7677 §3: SCRAM-SHA-256, the example',
    hash: 'sha256',
    nonce: 'rOprNGfwEbeRWgbNEkqO',
    serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    final: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
  },
] as const

for (const { title, hash, nonce, serverFirst, final, serverFinal } of EXCHANGES) {
  test(title, () => {
    const client = new ScramClient(hash, 'user', 'pencil', { flag: 'n' }, nonce)
    assert.equal(client.first, `n,,n=user,r=${nonce}`)
    assert.equal(client.final(serverFirst), final)
    assert.equal(client.accepts(serverFinal), true)
    assert.equal(client.accepts(serverFinal.replace('v=r', 'v=s').replace('v=6', 'v=7')), false)
  })
}

test('RFC 5802 §5.1: commas and equals signs in the user name are escaped', () => {
  assert.equal(new ScramClient('sha256', 'a,b=c', 'pencil', { flag: 'y' }, 'N').first, 'y,,n=a=2Cb=3Dc,r=N')
})
