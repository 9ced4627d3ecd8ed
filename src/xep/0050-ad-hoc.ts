import { Sides } from '../auth/sides.ts'
import type { Clock } from '../clock.ts'
import { BAD_PAYLOAD, type AdHocAsker, type AdHocCommand, type AdHocEnd, type AdHocStage, type AdHocStep } from '../routing/ad-hoc.ts'
import type { Extension, Host, Iq, IqAnswer } from '../routing/extension.ts'
import { element, type Element } from '../xml/element.ts'
import { fieldValues, fillableForm, NS_DATA_FORMS } from '../xmpp/data-form.ts'
import { randomIdentifier } from '../xmpp/identifiers.ts'
import { NS_DISCO_INFO, NS_DISCO_ITEMS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/stanza-error.ts'

const NS_COMMANDS = 'http://jabber.org/protocol/commands'

/** How long a form may lie on somebody's screen. */
const LIFETIME_MILLISECONDS = 600_000
/** Commands that one account runs at a time, and those of all accounts of a side; beyond, the oldest is over. */
const MOST_PER_ACCOUNT = 5
const MOST = 500
/** As they are made here: 16 random bytes. */
const SESSION_ID = /^[A-Za-z0-9_-]{22}$/

const BAD_REQUEST = new StanzaError('bad-request')
const ITEM_NOT_FOUND = new StanzaError('item-not-found')
const MALFORMED_ACTION = refused('malformed-action')
const BAD_ACTION = refused('bad-action')
const WRONG_PAYLOAD = refused('bad-payload')
const BAD_SESSION_ID = refused('bad-sessionid')
const SESSION_EXPIRED = new StanzaError('not-allowed', { application: element(NS_COMMANDS, 'session-expired') })

/**
 * XEP-0050: Ad-Hoc Commands, of the served domains, for their own accounts' clients. What commands there are is for other
 * extensions to say. Section numbers are those of version 1.3.0.
 *
 * DEVIATION: XEP-0050 §2.2 has `forbidden` for who may not use a command; here it hears what it would hear of none, so that nobody
 * finds out by it who runs the server.
 */
export const adHocCommands: Extension = {
  name: 'ad-hoc-commands',
  implements: [
    { xep: 50, title: 'Ad-Hoc Commands', version: '1.3.0', since: '0.1.0', status: 'complete', note: 'run by the server alone, for accounts of its own' },
    { xep: 4, title: 'Data Forms', version: '2.13.2', since: '0.1.0', status: 'partial', note: 'as the commands and registration need them' },
  ],
  clauses: [
    { clause: 'XEP-0050 §2.2', text: 'a command has its identity and feature' },
    { clause: 'XEP-0050 §2.4.3', text: 'canceling succeeds' },
    { clause: 'XEP-0050 §3.6', text: 'what failed has a note of type error' },
    { clause: 'XEP-0050 §4.1', text: 'node and session id' },
    { clause: 'XEP-0050 §4.1', text: 'the status of a request is ignored' },
  ],
  features: { server: [NS_COMMANDS] },

  install(host) {
    const running = new Sides(() => new Running(host.clock))
    return {
      iq: [{ type: 'set', name: 'command', namespace: NS_COMMANDS, at: 'server', handle: (iq) => run(host, running, iq) }],
      discoNodes: { info: (iq, node) => describe(host, iq, node), items: (iq, node) => list(host, iq, node) },
      session: { ended: ({ jid }) => running.of(jid.domain).forget(jid.toString()) },
    }
  },
}

/** Nobody but a client of ours at its own domain runs anything, or learns what could be run. */
function askerOf({ domains }: Host, { session, from, to }: Iq): AdHocAsker | undefined {
  const domain = domains.get(to.domain)
  return session === undefined || domain === undefined || from.domain !== to.domain ? undefined : { session, account: from.bare, domain }
}

function known(host: Host, asker: AdHocAsker | undefined, node: string): AdHocCommand | undefined {
  const command = host.adHoc.get(node)
  return asker !== undefined && command?.mayUse(asker) === true ? command : undefined
}

/** §2.2: at least the identity and the feature ("MUST"). */
function describe(host: Host, iq: Iq, node: string): Element | undefined {
  const command = known(host, askerOf(host, iq), node)
  const identity = node === NS_COMMANDS ? { category: 'automation', type: 'command-list' }
    : command === undefined ? undefined : { category: 'automation', type: 'command-node', name: command.name }
  return identity && element(NS_DISCO_INFO, 'query', { node },
    element(NS_DISCO_INFO, 'identity', identity),
    ...[NS_COMMANDS, NS_DATA_FORMS].map((feature) => element(NS_DISCO_INFO, 'feature', { var: feature })))
}

/** §2.2: "not required to send the same list of commands to all requesters". */
function list(host: Host, iq: Iq, node: string): Element | undefined {
  if (node !== NS_COMMANDS) return undefined
  const asker = askerOf(host, iq)
  const commands = [...host.adHoc.values()].filter((command) => asker !== undefined && command.mayUse(asker))
  return element(NS_DISCO_ITEMS, 'query', { node },
    ...commands.map((command) => element(NS_DISCO_ITEMS, 'item', { jid: iq.to.toString(), node: command.node, name: command.name })))
}

async function run(host: Host, sides: Sides<Running>, iq: Iq): Promise<IqAnswer> {
  const { node, sessionid, action = 'execute' } = iq.payload.attrs
  // §4.1: the node "MUST be present", the session id "MUST NOT be empty".
  if (node === undefined) return BAD_REQUEST
  const asker = askerOf(host, iq)
  const command = known(host, asker, node)
  if (asker === undefined || command === undefined) return ITEM_NOT_FOUND
  if (!isAction(action)) return MALFORMED_ACTION
  const running = sides.of(asker.domain.name)
  if (sessionid === undefined) {
    if (action === 'cancel') return BAD_SESSION_ID
    if (action !== 'execute') return BAD_ACTION
    return shown(await command.begin(asker), { id: randomIdentifier(), node, jid: iq.from.toString(), account: asker.account.toString(), stages: [] }, running)
  }
  if (!SESSION_ID.test(sessionid)) return BAD_SESSION_ID
  // Taken away while it is dealt with: whatever it stands for is done once.
  const session = running.take(sessionid, iq.from.toString())
  if (session === undefined) return SESSION_EXPIRED
  if (session.node !== node) return kept(running, session, BAD_SESSION_ID)
  return proceed(iq, action, session, running)
}

async function proceed({ payload }: Iq, asked: Action, session: AdHocSession, running: Running): Promise<IqAnswer> {
  const stage = session.stages.at(-1)
  // §2.4.3: "The responder MUST reply with the success of the command".
  if (asked === 'cancel' || stage === undefined) return answer(session, 'canceled')
  if (asked === 'prev') {
    const [before] = session.stages.slice(-2, -1)
    if (before === undefined) return kept(running, session, BAD_ACTION)
    return shown(before, { ...session, stages: session.stages.slice(0, -2) }, running)
  }
  const forward = stage.isLast ? 'complete' : 'next'
  if (asked !== 'execute' && asked !== forward) return kept(running, session, BAD_ACTION)
  const filled = filledIn(payload, stage)
  if (filled === undefined) return kept(running, session, WRONG_PAYLOAD)
  return shown(await stage.submit((field) => filled.get(field) ?? []), session, running)
}

/** §3.5.1: whatever type it is sent with; undefined where it is another form, or something is left out. */
function filledIn(payload: Element, { formType, fields }: AdHocStage): ReadonlyMap<string, readonly string[]> | undefined {
  const form = payload.child('x', NS_DATA_FORMS)
  const values = form === undefined ? new Map<string, readonly string[]>() : fieldValues(form)
  // Not every client sends what is hidden.
  if (values === undefined || (values.get('FORM_TYPE')?.[0] ?? formType) !== formType) return undefined
  const isThere = (name: string): boolean => (values.get(name) ?? []).some((value) => value.trim() !== '')
  return fields.every(({ name, required }) => required !== true || isThere(name)) ? values : undefined
}

function shown(step: AdHocStep, session: AdHocSession, running: Running): IqAnswer {
  if (step === BAD_PAYLOAD) return kept(running, session, WRONG_PAYLOAD)
  if (step instanceof StanzaError) return kept(running, session, step)
  if ('done' in step) return answer(session, 'completed', ...ending(step))
  const next = { ...session, stages: [...session.stages, step] }
  running.keep(next)
  const forward = step.isLast ? 'complete' : 'next'
  return answer(session, 'executing',
    element(NS_COMMANDS, 'actions', { execute: forward },
      session.stages.length > 0 ? element(NS_COMMANDS, 'prev') : undefined, element(NS_COMMANDS, forward)),
    fillableForm(step.formType, step, step.fields))
}

function ending({ done: { note, result } }: AdHocEnd): (Element | undefined)[] {
  return [result, note && element(NS_COMMANDS, 'note', { type: note.type }, note.text)]
}

/** A session that was not begun is not kept. */
function kept(running: Running, session: AdHocSession, error: StanzaError): StanzaError {
  if (session.stages.length > 0) running.keep(session)
  return error
}

function answer({ node, id }: AdHocSession, status: 'executing' | 'completed' | 'canceled', ...content: (Element | undefined)[]): Element {
  return element(NS_COMMANDS, 'command', { node, sessionid: id, status, 'xml:lang': 'en' }, ...content)
}

const ACTIONS = ['execute', 'cancel', 'prev', 'next', 'complete'] as const
type Action = typeof ACTIONS[number]

function isAction(text: string): text is Action {
  return ACTIONS.some((action) => action === text)
}

/** §4.4. */
function refused(condition: string): StanzaError {
  return new StanzaError('bad-request', { application: element(NS_COMMANDS, condition) })
}

/** Somebody is running a command. */
interface AdHocSession {
  readonly id: string
  readonly node: string
  /** The full JID: §3.3: "valid only between one requester/responder pair". */
  readonly jid: string
  readonly account: string
  /** All that were shown and not gone back from; the last is on the screen. */
  readonly stages: readonly AdHocStage[]
}

/** Commands of one side that wait for a form to come back. */
class Running {
  readonly #clock: Clock
  /** By id, in the order in which they were last shown. */
  readonly #sessions = new Map<string, { readonly session: AdHocSession, readonly until: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  keep(session: AdHocSession): void {
    this.#sweep()
    const ofAccount = [...this.#sessions.values()].filter((one) => one.session.account === session.account)
    const [oldest] = ofAccount.length >= MOST_PER_ACCOUNT ? ofAccount.map((one) => one.session.id) : this.#sessions.size >= MOST ? this.#sessions.keys() : []
    if (oldest !== undefined) this.#sessions.delete(oldest)
    this.#sessions.set(session.id, { session, until: this.#clock.elapsed() + LIFETIME_MILLISECONDS })
  }

  /** The one of that id and client, which is not kept any more. */
  take(id: string, jid: string): AdHocSession | undefined {
    this.#sweep()
    const found = this.#sessions.get(id)?.session
    if (found?.jid !== jid) return undefined
    this.#sessions.delete(id)
    return found
  }

  /** The client is gone. */
  forget(jid: string): void {
    for (const [id, { session }] of this.#sessions) if (session.jid === jid) this.#sessions.delete(id)
  }

  #sweep(): void {
    const now = this.#clock.elapsed()
    for (const [id, { until }] of this.#sessions) {
      if (until > now) return
      this.#sessions.delete(id)
    }
  }
}
