import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ReplySplitter, parseArguments, parseAuthChallenge, parseBootstrap, parseEvent, parseProtocolInfo, parseValues, unquote, type Reply,
} from '../../src/tor/control-reply.ts'
import { ControlClosed } from '../../src/tor/tor-error.ts'

/** Transcripts of tor 0.4.9; what a hasty reader gets wrong in them is their name. */
const TRANSCRIPTS: readonly { readonly name: string, readonly text: string, readonly replies: readonly Reply[] }[] = [
  {
    name: 'two answers at once',
    text: '250 OK\r\n250-version=0.4.9.11\r\n250 OK\r\n',
    replies: [reply(250, ['OK']), reply(250, ['version=0.4.9.11', 'OK'])],
  },
  {
    name: 'a data block whose lines look like replies',
    text: '250+config-text=\r\nLog notice stdout\r\n250 OK\r\n650 CIRC\r\n.\r\n250 OK\r\n',
    replies: [{ code: 250, lines: [{ text: 'config-text=', data: 'Log notice stdout\n250 OK\n650 CIRC' }, { text: 'OK', data: undefined }] }],
  },
  {
    name: 'a data block with lines that begin with a dot',
    text: '250+info/names=\r\n..hidden\r\n...\r\n.\r\n250 OK\r\n',
    replies: [{ code: 250, lines: [{ text: 'info/names=', data: '.hidden\n..' }, { text: 'OK', data: undefined }] }],
  },
  {
    name: 'an empty data block',
    text: '250+circuit-status=\r\n.\r\n250 OK\r\n',
    replies: [{ code: 250, lines: [{ text: 'circuit-status=', data: '' }, { text: 'OK', data: undefined }] }],
  },
  {
    name: 'an event before an answer',
    text: '650 SIGNAL RELOAD\r\n250 OK\r\n',
    replies: [reply(650, ['SIGNAL RELOAD']), reply(250, ['OK'])],
  },
  {
    name: 'an error of two lines',
    text: '552-Unrecognized option\r\n552 Unacceptable option value\r\n',
    replies: [reply(552, ['Unrecognized option', 'Unacceptable option value'])],
  },
  {
    name: 'text that is not ASCII',
    text: '250 Grüße ☂\r\n',
    replies: [reply(250, ['Grüße ☂'])],
  },
]

function reply(code: number, texts: readonly string[]): Reply {
  return { code, lines: texts.map((text) => ({ text, data: undefined })) }
}

function split(bytes: Buffer, ends: readonly number[]): Reply[] {
  const splitter = new ReplySplitter()
  return ends.flatMap((end, index) => splitter.push(bytes.subarray(ends[index - 1] ?? 0, end)))
}

for (const { name, text, replies } of TRANSCRIPTS) {
  const bytes = Buffer.from(text)
  const all = Array.from(bytes, (_, index) => index + 1)
  test(`control-spec, replies: ${name}`, () => {
    assert.deepEqual(split(bytes, [bytes.length]), replies, 'whole')
    assert.deepEqual(split(bytes, all), replies, 'byte by byte')
    for (const cut of all) assert.deepEqual(split(bytes, [cut, bytes.length]), replies, `cut at ${cut}`)
  })
}

for (const [why, text] of [
  ['no code', 'hello\r\n'],
  ['a code and no separator', '250\r\n'],
  ['a code out of range', '999 OK\r\n'],
  ['an endless line', 'x'.repeat(70_000)],
  ['an endless reply', '250-x\r\n'.repeat(1_000_000)],
] as const) {
  test(`bytes with ${why} are not tor's: the connection is given up`, () => {
    assert.throws(() => new ReplySplitter().push(Buffer.from(text)), ControlClosed)
  })
}

test('GETINFO: a value keeps its equals signs, its blanks and its lines', () => {
  const values = parseValues({
    code: 250,
    lines: [
      { text: 'status/bootstrap-phase=NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"', data: undefined },
      { text: 'config-text=', data: 'A 1\nB=2' },
      { text: 'empty=', data: undefined },
      { text: 'OK', data: undefined },
    ],
  })
  assert.deepEqual([...values], [
    ['status/bootstrap-phase', 'NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"'], ['config-text', 'A 1\nB=2'], ['empty', ''],
  ])
})

test('PROTOCOLINFO: a cookie\'s path may hold blanks, equals signs and quotes', () => {
  assert.deepEqual(parseProtocolInfo(reply(250, [
    'PROTOCOLINFO 1', 'AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="/run/my tor/a=b\\"c/control.cookie"', 'VERSION Tor="0.4.9.11"', 'OK',
  ])), { methods: ['COOKIE', 'SAFECOOKIE'], cookieFile: '/run/my tor/a=b"c/control.cookie' })
  assert.deepEqual(parseProtocolInfo(reply(250, ['PROTOCOLINFO 1', 'AUTH METHODS=HASHEDPASSWORD', 'OK'])), { methods: ['HASHEDPASSWORD'], cookieFile: undefined })
  assert.deepEqual(parseProtocolInfo(reply(250, ['OK'])), { methods: [], cookieFile: undefined })
})

test('AUTHCHALLENGE: hash and nonce', () => {
  const { serverHash, serverNonce } = parseAuthChallenge(reply(250, ['AUTHCHALLENGE SERVERHASH=00FF SERVERNONCE=ab12']))
  assert.deepEqual([serverHash.toString('hex'), serverNonce.toString('hex')], ['00ff', 'ab12'])
  assert.equal(parseAuthChallenge(reply(250, ['OK'])).serverHash.length, 0)
})

const ADDRESS = '25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkenl5sid'
for (const [line, event] of [
  ['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=45 TAG=requesting_descriptors SUMMARY="Asking for relay descriptors"',
    { event: 'bootstrap', percent: 45, summary: 'Asking for relay descriptors' }],
  ['STATUS_CLIENT WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay" WARNING="No route to host" REASON=NOROUTE COUNT=3',
    { event: 'bootstrap', percent: 5, summary: 'Connecting to a relay' }],
  ['STATUS_CLIENT NOTICE CIRCUIT_ESTABLISHED', undefined],
  ['STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=many', undefined],
  [`HS_DESC UPLOADED ${ADDRESS} UNKNOWN $A2C4~test1`, { event: 'descriptor', action: 'UPLOADED', address: `${ADDRESS}.onion`, reason: undefined }],
  [`HS_DESC FAILED ${ADDRESS} NO_AUTH $A2C4~test1 b3a4 REASON=UPLOAD_REJECTED`, { event: 'descriptor', action: 'FAILED', address: `${ADDRESS}.onion`, reason: 'UPLOAD_REJECTED' }],
  ['HS_DESC UPLOADED', undefined],
  ['SIGNAL RELOAD', { event: 'reloaded' }],
  ['SIGNAL NEWNYM', undefined],
  ['CIRC 7 BUILT', undefined],
  ['', undefined],
] as const) {
  test(`control-spec, events: ${line === '' ? 'nothing' : line.slice(0, 60)}`, () => assert.deepEqual(parseEvent(reply(650, [line])), event))
}

test('GETINFO status/bootstrap-phase reads like the event', () => {
  assert.deepEqual(parseBootstrap('NOTICE BOOTSTRAP PROGRESS=0 TAG=starting SUMMARY="Starting"'), { event: 'bootstrap', percent: 0, summary: 'Starting' })
  assert.equal(parseBootstrap(''), undefined)
})

test('control-spec, QuotedString: C escapes, octal ones are bytes of UTF-8', () => {
  assert.equal(unquote('"a\\"b\\\\c\\n\\t\\303\\274"'), 'a"b\\c\n\tü')
})

test('arguments end where they can no longer be read, in linear time', () => {
  assert.deepEqual(parseArguments('A B="c'), { words: ['A'], named: new Map() })
  const begun = performance.now()
  parseArguments(`A="${'\\'.repeat(60_000)}`)
  parseArguments('a'.repeat(60_000) + '"')
  assert.ok(performance.now() - begun < 500)
})
