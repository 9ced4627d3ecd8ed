import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import type { Clock } from '../clock.ts'
import type { ListenAddress } from '../net/listener.ts'
import type { TlsIdentity } from '../net/tls.ts'
import type { ServedDomain } from '../routing/domains.ts'
import { Admissions } from '../stream/admission.ts'
import { WebDoor, type WebDoorKind } from './door.ts'
import { FormTokens } from './form-token.ts'
import { HttpServer } from './http-server.ts'
import type { PageEnvironment } from './page.ts'
import { account } from './pages/account.ts'
import { deletion } from './pages/deletion.ts'
import { hostMeta } from './pages/host-meta.ts'
import { invitation } from './pages/invitation.ts'
import { password } from './pages/password.ts'
import { policy } from './pages/policy.ts'
import { problem } from './pages/problem.ts'
import { registration } from './pages/registration.ts'
import { rules } from './pages/rules.ts'
import { signIn } from './pages/sign-in.ts'
import { welcome } from './pages/welcome.ts'
import type { Premises, WebSettings } from './premises.ts'
import type { Site, Visit } from './site.ts'
import { STYLE } from './style.ts'
import { Texts } from './texts.ts'

/** Pages for browsers without JavaScript: behind each onion, and on listeners of the kind "https". */
export class Web {
  readonly #http: HttpServer
  readonly #admissions: Admissions
  readonly #clock: Clock

  constructor(settings: WebSettings) {
    const { config, clock } = settings
    const { connections, connections_per_peer } = config.web
    this.#admissions = new Admissions({ ...config.limits, streams: connections, streams_before_login: connections, streams_per_peer: connections_per_peer })
    this.#clock = clock
    const pages = pagesOf(settings)
    const visits = new WeakMap<object, Visit>()
    const listener = getRequestListener((request, bindings) => {
      const visit = 'incoming' in bindings ? visits.get(bindings.incoming) : undefined
      return pages.fetch(request, { ...bindings, visit })
    }, { overrideGlobalObjects: false })
    this.#http = new HttpServer({
      clock,
      torEnabled: config.tor.enabled,
      answer: (request, response, visit) => {
        visits.set(request, visit)
        void listener(request, response).catch(() => response.destroy())
      },
      ...settings.upgrade === undefined ? {} : { upgrade: settings.upgrade },
    })
  }

  /** A way in for browsers that serves those domains; they are counted apart as streams are. */
  door(kind: WebDoorKind, address: ListenAddress, domains: ReadonlyMap<ServedDomain, TlsIdentity>): WebDoor {
    const sites = [...domains].map(([domain, identity]): Site => ({ kind: kind === 'https' ? 'https' : 'onion', domain, identity }))
    const names = new Map(sites.map(({ domain: { name } }) => [name, undefined]))
    return new WebDoor({ kind, address, sites }, this.#admissions.of(names), this.#http, this.#clock)
  }

  /** How many there are at the moment. */
  get connections(): number {
    return this.#http.count
  }

  /** Ends all connections; doors are closed before. */
  stop(): void {
    this.#http.stop()
  }
}

function pagesOf(settings: WebSettings): Hono<PageEnvironment> {
  const premises: Premises = { ...settings, tokens: new FormTokens(settings.clock), texts: new Texts(settings.config.web.pages, settings.log) }
  const site = new Hono<PageEnvironment>()
  site.get('/style.css', (context) => context.body(STYLE, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=300' }))
  for (const add of [welcome, registration, invitation, rules, policy, signIn, account, password, deletion, hostMeta]) add(site, premises)
  site.notFound((context) => problem(context, 404))
  site.onError((error, context) => {
    settings.log.error('web.failed', {}, error)
    return problem(context, 500)
  })
  return site
}
