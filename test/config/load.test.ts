import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ConfigError, type Problem } from '../../src/config/config-error.ts'
import { loadConfig } from '../../src/config/load.ts'
import { certificate } from './certificates.ts'

const NOW = Date.parse('2026-06-01T00:00:00Z')

let folder = ''
before(() => { folder = mkdtempSync(join(tmpdir(), 'sotto-load-')) })
after(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const load = (toml: string) => loadConfig(write('sotto.toml', toml), { cwd: folder, now: NOW })

function problemsOf(toml: string): readonly Problem[] {
  try {
    load(toml)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

/** What an operator looks for first: where, and what. */
const told = (toml: string) => problemsOf(toml).map(({ line, key, problem }) => `${line ?? '-'} ${key}: ${problem}`)

const NO_KEYS = { file: '', passphrase_file: '', passphrase_credential: '', passphrase_prompt: false }

describe('the defaults', () => {
  test('without a file one onion domain is served to this machine, with its data beside', () => {
    const config = loadConfig(undefined, { cwd: folder })
    assert.equal(config.files.data, join(folder, 'data'))
    assert.deepEqual(config.domains.map(({ name, onion_service }) => ({ name, onion_service })), [{ name: 'onion', onion_service: true }])
    assert.deepEqual(config.listeners, [{ kind: 'c2s', address: '127.0.0.1', port: 5222, domains: ['onion'] }])
    assert.deepEqual(config.keys, { ...NO_KEYS, file: join(folder, 'data/keys/storage.key') })
    assert.equal(config.log.level, 'error')
  })

  test('an empty file is the same as none', () => {
    assert.deepEqual(load(''), loadConfig(undefined, { cwd: folder }))
  })

  test('reading and checking leaves no trace', () => {
    load('')
    assert.equal(existsSync(join(folder, 'data')), false)
  })

  test('what was read cannot be changed any more', () => {
    const config = load('')
    assert.throws(() => Object.assign(config.limits, { depth: 1 }), TypeError)
    assert.throws(() => Object.assign(config.domains[0] ?? {}, { name: 'x' }), TypeError)
  })
})

describe('values', () => {
  test('times and sizes carry their unit', () => {
    const config = load('limits.idle_before_ping = "90s"\nlimits.stanza = "12kB"\ntor.bootstrap_timeout = "2h"')
    assert.equal(config.limits.idle_before_ping, 90_000)
    assert.equal(config.limits.stanza, 12_288)
    assert.equal(config.tor.bootstrap_timeout, 7_200_000)
  })

  test('relative paths start at the folder of the file, not at the working directory', () => {
    write('sotto.toml', '[files]\ndata = "../state"\n[tor]\nprogram = "bin/tor"')
    const config = loadConfig('sotto.toml', { cwd: folder })
    assert.equal(config.files.data, join(folder, '../state'))
    assert.equal(config.tor.program, join(folder, 'bin/tor'))
  })

  test('a program without a slash is looked up in PATH', () => {
    assert.equal(load('[tor]\nprogram = "tor-next"').tor.program, 'tor-next')
  })

  test('a listener that does not say serves the DNS names, so that no onion is linked by oversight', () => {
    const listener = '[[listeners]]\nkind = "c2s"\nport = 5222\n'
    const domain = (name: string) => `[[domains]]\nname = "${name}"\n`
    assert.deepEqual(load(domain('onion') + listener).listeners[0]?.domains, ['onion'])
    assert.deepEqual(load(domain('onion') + domain('capulet.lit') + listener).listeners[0]?.domains, ['capulet.lit'])
    assert.deepEqual(load(domain('capulet.lit') + domain('montague.lit') + listener).listeners[0]?.domains, ['capulet.lit', 'montague.lit'])
    assert.deepEqual(load(domain('onion') + domain('capulet.lit')).listeners[0]?.domains, ['capulet.lit'])
  })

  test('a DNS name has no onion service unless it is asked for', () => {
    const [plain, linked] = load('[[domains]]\nname = "capulet.lit"\n[[domains]]\nname = "montague.lit"\nonion_service = true').domains
    assert.equal(plain?.onion_service, false)
    assert.equal(linked?.onion_service, true)
  })

  test('a domain is written as JIDs have it, whatever its case (RFC 7622 §3.2)', () => {
    const config = load('[[domains]]\nname = "Capulet.LIT"\n[[listeners]]\nkind = "c2s"\nport = 0\ndomains = ["CAPULET.lit"]')
    assert.equal(config.domains[0]?.name, 'capulet.lit')
    assert.deepEqual(config.listeners[0]?.domains, ['capulet.lit'])
  })

  test('a passphrase takes the place of the key file', () => {
    const path = write('passphrase', 'wherefore art thou')
    assert.deepEqual(load('[keys]\npassphrase_file = "passphrase"').keys, { ...NO_KEYS, passphrase_file: path })
    assert.deepEqual(load('[keys]\npassphrase_prompt = true').keys, { ...NO_KEYS, passphrase_prompt: true })
    assert.deepEqual(load('[keys]\npassphrase_credential = "sotto.passphrase"').keys, { ...NO_KEYS, passphrase_credential: 'sotto.passphrase' })
  })
})

describe('problems', () => {
  test('all are told at once, in the order of the file, each with key, line, problem and remedy', () => {
    const problems = problemsOf([
      '[log]', 'level = "loud"',
      '[limits]', 'stanzas = "1MB"', 'depth = 2', 'outbox = "5 kilos"',
      '[[domains]]', 'name = "onion"',
      '[[domains]]', 'name = "192.0.2.1"',
      '[[listeners]]', 'kind = "c2s"', 'port = 5222', 'domains = ["onion", "verona.lit"]',
      '[[listeners]]', 'kind = "c2s"', 'port = 5222', 'domains = ["onion"]',
    ].join('\n'))
    assert.deepEqual(problems.map(({ line, key }) => `${line} ${key}`), [
      '2 log.level', '4 limits.stanzas', '5 limits.depth', '6 limits.outbox', '10 domains[1].name',
      '14 listeners[0].domains[1]', '17 listeners[1].port',
    ])
    for (const { file, problem, remedy } of problems) {
      assert.equal(file, 'sotto.toml')
      assert.notEqual(problem, '')
      assert.notEqual(remedy, '')
    }
  })

  test('a message names file, line, key, problem and remedy in one line each', () => {
    assert.throws(() => load('log.level = "loud"\nlog.rooster = true'), {
      name: 'ConfigError',
      message: 'sotto.toml:1: log.level: "loud" is none of its values. '
        + 'Write one of "silent", "error", "warn", "info", "debug"; the default is "error".\n'
        + 'sotto.toml:2: log.rooster: there is no such key. Did you mean "roster"? If not, remove it.',
    })
  })

  test('an unknown key is an error, and the nearest known one is suggested', () => {
    const remedy = (toml: string) => problemsOf(toml).map((one) => one.remedy).join()
    assert.match(remedy('[limits]\nstanzza = "1MB"'), /"stanza"/)
    assert.match(remedy('[lmits]\n'), /"limits"/)
    assert.match(remedy('[[domains]]\nname = "onion"\ncertficate = "x"'), /"certificate"/)
    assert.match(remedy('[keys]\nsomething_else_entirely = 1'), /the keys here are file, passphrase_file/)
  })

  const single: readonly (readonly [string, string, string])[] = [
    ['a file that is no TOML', 'x =', '1 : no valid TOML'],
    ['a key that stands twice', 'log.roster = true\nlog.roster = true', '2 : no valid TOML'],
    ['a value of the wrong type', '[log]\n\nroster = "yes"', '3 log.roster: a value of the wrong type'],
    ['a value where a table is due', 'limits = 3', '1 limits: a value of the wrong type'],
    ['a missing key', '[[listeners]]\nkind = "c2s"', '1 listeners[0].port: this key is missing'],
    ['a listener without a kind', '[[listeners]]\nport = 0', '1 listeners[0].kind: this key is missing'],
    ['a domain without a name', '[[domains]]\nregistration = "closed"', '1 domains[0].name: this key is missing'],
    ['a time without its unit', '[limits]\ntime_to_login = "60"', '2 limits.time_to_login: "60" is without a number or unit'],
    ['a size in a unit of time', '[limits]\noutbox = "60s"', '2 limits.outbox: "60s" is without a number or unit'],
    ['no time at all', '[limits]\ntime_to_login = "0s"', '2 limits.time_to_login: "0s" is too little'],
    ['a time beyond what a timer can wait', '[limits]\ntime_to_login = "25d"', '2 limits.time_to_login: "25d" is too much'],
    ['stanzas smaller than RFC 6120 §13.12 allows', '[limits]\nstanza = "9kB"', '2 limits.stanza: "9kB" is too little'],
    ['an outbox too small for a stanza', '[limits]\noutbox = "255kB"', '2 limits.outbox: a stanza of the size'],
    ['a number too great', '[[listeners]]\nkind = "c2s"\nport = 65536', '3 listeners[0].port: 65536 is too much'],
    ['no domain at all', 'domains = []', '1 domains: a list of 0 is too little'],
    ['an onion address', `[[domains]]\nname = "${'a'.repeat(56)}.onion"`, `2 domains[0].name: "${'a'.repeat(56)}.onion" is an onion address, which follows`],
    ['an IPv6 address', '[[domains]]\nname = "[::1]"', '2 domains[0].name: "[::1]" is an IP address'],
    ['a hexadecimal IPv4 address', '[[domains]]\nname = "0x7f.1"', '2 domains[0].name: "0x7f.1" is an IP address'],
    ['a name with an underscore', '[[domains]]\nname = "a_b.lit"', '2 domains[0].name: "a_b.lit" is no valid DNS name'],
    ['a name with an empty label', '[[domains]]\nname = "a..lit"', '2 domains[0].name: "a..lit" is no valid DNS name'],
    ['a domain twice', '[[domains]]\nname = "a.lit"\n[[domains]]\nname = "A.lit"', '4 domains[1].name: the domain "a.lit" stands twice'],
    ['two onions', '[[domains]]\nname = "onion"\n[[domains]]\nname = "onion"', '4 domains[1].name: a second domain is called "onion"'],
    ['an onion without a service', '[[domains]]\nname = "onion"\nonion_service = false', '3 domains[0].onion_service: a domain called "onion"'],
    ['a listener for nobody', '[[listeners]]\nkind = "c2s"\nport = 0\ndomains = []', '4 listeners[0].domains: a list of 0 is too little'],
    ['a listener on a name', '[[listeners]]\nkind = "c2s"\nport = 0\naddress = "localhost"', '4 listeners[0].address: "localhost" is no IP address'],
    ['one address and port twice', '[[listeners]]\nkind = "c2s"\nport = 1\naddress = "::1"\n[[listeners]]\nkind = "c2s-tls"\nport = 1\naddress = "0:0::1"',
      '7 listeners[1].port: 0:0::1 port 1 is taken by listeners[0]'],
    ['an address inside another', '[[listeners]]\nkind = "c2s"\nport = 1\naddress = "0.0.0.0"\n[[listeners]]\nkind = "c2s"\nport = 1',
      '7 listeners[1].port: 127.0.0.1 port 1 is taken by listeners[0]'],
    ['a torrc that is not there', '[tor]\ntorrc = "gone"', '2 tor.torrc: '],
    ['tor required and switched off', '[tor]\nrequired = true\nenabled = false', '2 tor.required: tor is required and switched off'],
    ['a passphrase that is not there', '[keys]\npassphrase_file = "gone"', '2 keys.passphrase_file: '],
    ['a runtime directory too deep for a socket', `[files]\nruntime = "/${'d'.repeat(70)}"`, '2 files.runtime: the path of the runtime directory is longer'],
  ]
  for (const [what, toml, expected] of single) {
    test(`refused: ${what}`, () => {
      const problems = told(toml)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.ok(problems[0]?.startsWith(expected), problems[0])
    })
  }

  test('free ports (0) and equal ports on different addresses do not clash', () => {
    const listener = (port: number, address: string) => `[[listeners]]\nkind = "c2s"\nport = ${port}\naddress = "${address}"\n`
    assert.deepEqual(told(listener(0, '127.0.0.1') + listener(0, '127.0.0.1')), [])
    assert.deepEqual(told(listener(5222, '127.0.0.1') + listener(5222, '127.0.0.2') + listener(5222, '::1')), [])
  })

  test('a file that cannot be read is named', () => {
    assert.throws(() => loadConfig('gone.toml', { cwd: folder }), { name: 'ConfigError', message: /^gone\.toml: the file cannot be read \(ENOENT\)/ })
  })
})

describe('key files', () => {
  const domain = (certificateFile: string, keyFile: string) =>
    `[[domains]]\nname = "capulet.lit"\ncertificate = "${certificateFile}"\nkey = "${keyFile}"`

  before(async () => {
    for (const [name, from, to] of [['good', -1, 1], ['old', -3, -1], ['early', 1, 3]] as const) {
      const pair = await certificate('capulet.lit', { now: NOW, from, to })
      write(`${name}.crt`, pair.certificate, 0o644)
      write(`${name}.key`, pair.key)
    }
    const key = readFileSync(join(folder, 'good.key'), 'utf8')
    write('group.key', key, 0o640)
    write('open.key', key, 0o644)
    write('junk', 'junk')
  })

  test('a certificate with its key is taken, and its paths are absolute', () => {
    const [capulet] = load(domain('good.crt', 'good.key')).domains
    assert.equal(capulet?.certificate, join(folder, 'good.crt'))
    assert.equal(capulet?.key, join(folder, 'good.key'))
  })

  test('a key that a group may read is taken, since renewing tools hand keys over that way', () => {
    assert.deepEqual(told(domain('good.crt', 'group.key')), [])
  })

  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ['another key', 'good.crt', 'old.key', /^4 domains\[0\]\.key: .*old\.key is not the key of .*good\.crt$/],
    ['an expired certificate', 'old.crt', 'old.key', /^3 domains\[0\]\.certificate: .*old\.crt expired on May 31/],
    ['a certificate from the future', 'early.crt', 'early.key', /^3 domains\[0\]\.certificate: .*early\.crt is valid only from Jun/],
    ['a key that everybody may read', 'good.crt', 'open.key', /^4 domains\[0\]\.key: .*open\.key is open to other users \(mode 0644\)$/],
    ['a certificate that is none', 'junk', 'good.key', /^3 domains\[0\]\.certificate: .*junk holds no PEM certificate$/],
    ['a key that is none', 'good.crt', 'junk', /^4 domains\[0\]\.key: .*junk holds no PEM private key/],
    ['a certificate that is not there', 'gone', 'good.key', /^3 domains\[0\]\.certificate: .*gone cannot be read \(ENOENT\)$/],
    ['a key that is not there', 'good.crt', 'gone', /^4 domains\[0\]\.key: .*gone cannot be read \(ENOENT\)$/],
    ['a certificate without a key', 'good.crt', '', /^3 domains\[0\]\.certificate: a certificate is given without its key$/],
    ['a key without a certificate', '', 'good.key', /^4 domains\[0\]\.key: a key is given without its certificate$/],
  ]
  for (const [what, certificateFile, keyFile, expected] of cases) {
    test(`refused: ${what}`, () => {
      const problems = told(domain(certificateFile, keyFile))
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', expected)
    })
  }

  test('a storage key may be missing, since the first start makes it, but never be open to others', () => {
    assert.deepEqual(told('[keys]\nfile = "not-yet.key"'), [])
    write('storage.key', 'x', 0o640)
    assert.match(told('[keys]\nfile = "storage.key"').join(), /^2 keys\.file: .*storage\.key is open to other users \(mode 0640\)$/)
  })

  test('a key file and each way to a passphrase exclude each other', () => {
    write('passphrase', 'x')
    assert.match(told('[keys]\nfile = "storage.key2"\npassphrase_file = "passphrase"').join(), /^3 keys\.passphrase_file: the storage key either/)
    assert.match(told('[keys]\nfile = "storage.key2"\npassphrase_prompt = true').join(), /^3 keys\.passphrase_prompt: the storage key either/)
    assert.match(told('[keys]\npassphrase_file = "passphrase"\npassphrase_credential = "x"').join(), /^3 keys\.passphrase_credential: the storage key either/)
    assert.match(told('[keys]\npassphrase_credential = "../x"').join(), /^2 keys\.passphrase_credential: /)
  })
})
