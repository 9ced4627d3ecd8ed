import assert from 'node:assert/strict'
import { CommanderError } from 'commander'
import { test } from 'node:test'
import { PassphraseError } from '../../src/auth/passphrase.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ListenError } from '../../src/net/listener.ts'
import { CertificateError } from '../../src/net/tls.ts'
import { failureOf } from '../../src/operate/failure.ts'
import { CommandError } from '../../src/routing/command-error.ts'
import { StoreError } from '../../src/store/store-error.ts'
import { TorNotFound } from '../../src/tor/tor-error.ts'

test('an error that the operator can mend has a message and the exit code of its kind; anything else is a bug', () => {
  const problem = { file: 'sotto.toml', line: 3, key: 'log.level', problem: 'wrong', remedy: 'Write it right' }
  const cases: readonly (readonly [unknown, string, RegExp | undefined])[] = [
    [new ConfigError([problem, { ...problem, line: undefined }]), 'config', /^sotto\.toml:3: log\.level: wrong\. Write it right\.\nsotto\.toml: log/],
    [new CommandError('bad-input', 'what'), 'usage', /^what$/],
    [new CommandError('refused', 'no'), 'data', /^no$/],
    [new CommandError('unavailable', 'gone'), 'unavailable', /^gone$/],
    [new CommandError('internal', 'see the log'), 'software', /^see the log$/],
    [new StoreError('data/sotto.db', 'is damaged', 'Restore it.'), 'failed', /^data\/sotto\.db: is damaged\. Restore it\.$/],
    [new PassphraseError('keys/storage.salt', 'the passphrase is not the one', 'Start again.'), 'config', /^keys\/storage\.salt: the passphrase/],
    [new TorNotFound('tor'), 'failed', /install tor/],
    [new CertificateError('a.pem', 'not a certificate'), 'failed', /^a\.pem: not a certificate$/],
    [new CommanderError(1, 'x', 'x'), 'usage', undefined],
    [new CommanderError(0, 'x', 'x'), 'done', undefined],
    [new TypeError('with a password in it'), 'software', undefined],
    ['thrown text', 'software', undefined],
  ]
  for (const [error, exit, message] of cases) {
    const failure = failureOf(error)
    assert.equal(failure.exit, exit, String(error))
    if (message === undefined) assert.equal(failure.message, undefined)
    else assert.match(failure.message ?? '', message)
  }
})

test('an address that cannot be listened on is told in one line with its key and the remedy', () => {
  const config = loadConfig(undefined, { cwd: '/' })
  const told = (where: string, code: string) => failureOf(new ListenError(where, code), config).message
  assert.equal(told('127.0.0.1:5222', 'EADDRINUSE'), 'cannot listen on 127.0.0.1:5222: another program uses it (listeners[0].port). '
    + 'Stop that program (ss -ltnp shows it), or write another port.')
  assert.match(told('127.0.0.1:5222', 'EACCES') ?? '', /\(listeners\[0\]\.port\)\. Write a port above 1023/)
  assert.match(told('127.0.0.1:5222', 'ENOMEM') ?? '', /ENOMEM \(listeners\[0\]\.port\)\. Write another value/)
  assert.match(told('/run/control.sock', 'EACCES') ?? '', /\(files\.runtime\)\. .*a folder that this user may write to\.$/)
})
