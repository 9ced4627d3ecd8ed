import { ConfigError, type Problem } from '../config/config-error.ts'
import type { Config } from '../config/schema.ts'
import type { Extension, Host } from './extension.ts'
import { HandlerTables } from './handler-tables.ts'
import { Operators } from './operators.ts'
import { Requests } from './requests.ts'
import { Router } from './router.ts'

/** What must be there before extensions can be installed. */
export type Ground = Omit<
  Host, 'requests' | 'router' | 'operators' | 'audience' | 'befriend' | 'servers' | 'features' | 'identities' | 'adHoc' | 'discoNodes' | 'forms' | 'shared'
>

export interface Installation {
  readonly host: Host
  readonly router: Router
  readonly tables: HandlerTables
  readonly streamFeatures: Required<NonNullable<Extension['streamFeatures']>>
}

/**
 * Boots extensions in their order: every migration, then every `install`, then the tables are sealed.
 *
 * @throws Error where two of them claim the same, StoreError where the database is of a newer version, ConfigError
 *   where none enforces the policy of a domain
 */
export function install(extensions: readonly Extension[], ground: Ground): Installation {
  const unenforced = complaints(extensions, ground.config)
  if (unenforced.length > 0) throw new ConfigError(unenforced)
  const tables = new HandlerTables(ground.log)
  const requests = new Requests(ground.clock)
  const router = new Router({ ...ground, tables, requests })
  const operators = new Operators(ground.config.operators, ground.domains, ground.sessions)
  const features = {
    server: extensions.flatMap((extension) => extension.features?.server ?? []),
    account: extensions.flatMap((extension) => extension.features?.account ?? []),
  }
  const identities = {
    server: extensions.flatMap((extension) => extension.identities?.server ?? []),
    account: extensions.flatMap((extension) => extension.identities?.account ?? []),
  }
  const shared = new Map<object, object>()
  const host: Host = {
    ...ground, requests, router, operators, features, identities, servers: tables.servers, adHoc: tables.adHoc, discoNodes: tables.discoNodes,
    audience: {
      sees: (viewer, account) => tables.delivery?.audience.sees(viewer, account) ?? false,
      follows: (account, contact) => tables.delivery?.audience.follows(account, contact) ?? false,
      followed: (account) => tables.delivery?.audience.followed(account) ?? [],
      subscribers: (account) => tables.delivery?.audience.subscribers(account) ?? [],
      viewers: (session) => tables.delivery?.audience.viewers(session) ?? [],
    },
    befriend: async (one, other) => tables.delivery?.befriend(one, other),
    forms: (domain) => extensions.flatMap((extension) => extension.forms?.(ground.config, domain) ?? []),
    shared: <T extends object>(kind: new (of: Host) => T): T => {
      const made = shared.get(kind) ?? new kind(host)
      shared.set(kind, made)
      return made as T // by its own class
    },
  }
  for (const { name, migrations } of extensions) if (migrations !== undefined) ground.database.migrate(name, migrations)
  const offered = extensions.map((extension) => {
    const handlers = extension.install(host)
    tables.install(extension.name, handlers)
    const both = [extension.streamFeatures, handlers.streamFeatures]
    return { client: both.flatMap((one) => one?.client ?? []), server: both.flatMap((one) => one?.server ?? []) }
  })
  tables.install('operators', { session: { available: (session) => operators.available(session) } })
  tables.seal()
  const streamFeatures = {
    client: offered.flatMap(({ client }) => client),
    server: offered.flatMap(({ server }) => server),
  }
  return { host, router, tables, streamFeatures }
}

/** A policy is a promise to users: a server that nothing in it makes true must not start. */
function complaints(extensions: readonly Extension[], config: Config): Problem[] {
  const enforced = extensions.flatMap(({ enforces }) => enforces ?? [])
  return config.domains.flatMap(({ policy }, index) => enforced.includes(policy) ? [] : [{
    file: undefined,
    line: undefined,
    key: `domains[${index}].policy`,
    problem: `nothing in this server enforces "${policy}"`,
    remedy: 'Run a server that does; without its policy no domain is served',
  }])
}
