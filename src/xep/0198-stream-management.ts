import { ClientSession } from '../c2s/session.ts'
import type { Extension, NonzaRoute } from '../routing/extension.ts'
import type { Clause } from '../routing/implementation.ts'
import { failed, NS_ACKNOWLEDGEMENT } from '../stream/acknowledgement.ts'
import type { Stream } from '../stream/stream.ts'
import type { Element } from '../xml/element.ts'
import { StreamError } from '../xmpp/stream-error.ts'

const CLAUSES: readonly Clause[] = [
  { clause: 'XEP-0198 §3', text: 'it answers <enable/> with <enabled/> or <failed/>' },
  { clause: 'XEP-0198 §3', text: 'where it allows resumption, <enabled/> says resume' },
  { clause: 'XEP-0198 §3', text: 'before a resource is bound, <enable/> is answered with <failed/>' },
  { clause: 'XEP-0198 §4', text: '<a/> has an h' },
  { clause: 'XEP-0198 §4', text: '<r/> is answered with the number of stanzas handled' },
  { clause: 'XEP-0198 §4', text: 'h begins again at 0 after 2^32-1' },
  { clause: 'XEP-0198 §5', text: 'a stream that can be resumed has an id, of the server\'s making' },
  { clause: 'XEP-0198 §5', text: 'an id is used for no other session' },
  { clause: 'XEP-0198 §5', text: '<resumed/> names the former stream and what was handled of it' },
  { clause: 'XEP-0198 §5', text: 'what the client has not handled is sent again' },
  { clause: 'XEP-0198 §5', text: 'an id that is not known is answered with <failed/>' },
  { clause: 'XEP-0198 §6', text: 'errors of <enable/> and <resume/> are <failed/> with a condition of stanza errors' },
  { clause: 'XEP-0198 §9.2', text: '<resume/> inside a login is processed before <bind/>, which is ignored where it succeeds; no features follow then' },
  { clause: 'XEP-0198 §9.2', text: 'where it fails, <success/> holds <failed/>, and <bind/> is processed' },
  { clause: 'XEP-0198 §10', text: 'nothing is resumed before the client has authenticated' },
]

/**
 * XEP-0198: Stream Management, of clients once they are bound. The session keeps the books (c2s/stream-management.ts); a
 * stream takes it over before anything is bound (c2s/resumption.ts).
 */
export const streamManagement: Extension = {
  name: 'stream-management',
  implements: [{
    xep: 198, title: 'Stream Management', version: '1.6.3', since: '0.1.0', status: 'complete',
    note: 'with resumption for clients, in memory alone; between servers acknowledgement without it (`s2s/carrier.ts`)',
  }],
  clauses: CLAUSES,

  install: () => ({
    bindFeatures: [{
      feature: NS_ACKNOWLEDGEMENT, name: 'enable', namespace: NS_ACKNOWLEDGEMENT,
      enable: (session, _, request) => session instanceof ClientSession ? session.enable(request) : failed('internal-server-error'),
    }],
    nonzas: [
      nonza('enable', (stream, request, session) => {
        // §3: a second one SHOULD be answered with a stream error.
        if (session.management !== undefined) throw new StreamError('policy-violation', 'Stream management is enabled already.')
        stream.send(session.enable(request))
      }),
      nonza('resume', (stream) => stream.send(failed('unexpected-request'))),
      nonza('r', (_, __, session) => managed(session).answer()),
      nonza('a', (_, { attrs }, session) => managed(session).acknowledge(attrs['h'] ?? '')),
    ],
  }),
}

function managed({ management }: ClientSession): NonNullable<ClientSession['management']> {
  if (management === undefined) throw new StreamError('unsupported-stanza-type')
  return management
}

function nonza(name: string, handle: (stream: Stream, nonza: Element, session: ClientSession) => void): NonzaRoute {
  return {
    name,
    namespace: NS_ACKNOWLEDGEMENT,
    on: 'client',
    handle(stream, received, session) {
      if (!(session instanceof ClientSession)) throw new StreamError('unsupported-stanza-type')
      handle(stream, received, session)
    },
  }
}
