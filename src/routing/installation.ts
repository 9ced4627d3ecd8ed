import type { Extension, Host } from './extension.ts'
import { HandlerTables } from './handler-tables.ts'
import { Requests } from './requests.ts'
import { Router } from './router.ts'

/** What must be there before extensions can be installed. */
export type Ground = Omit<Host, 'requests' | 'router' | 'audience' | 'features'>

export interface Installation {
  readonly host: Host
  readonly router: Router
  readonly tables: HandlerTables
  readonly streamFeatures: Required<NonNullable<Extension['streamFeatures']>>
}

/**
 * Boots extensions in their order: every migration, then every `install`, then the tables are sealed.
 *
 * @throws Error where two of them claim the same, StoreError where the database is of a newer version
 */
export function install(extensions: readonly Extension[], ground: Ground): Installation {
  const tables = new HandlerTables(ground.log)
  const requests = new Requests(ground.clock)
  const router = new Router({ ...ground, tables, requests })
  const features = {
    server: extensions.flatMap((extension) => extension.features?.server ?? []),
    account: extensions.flatMap((extension) => extension.features?.account ?? []),
  }
  const host: Host = {
    ...ground, requests, router, features,
    audience: { sees: (viewer, account) => tables.delivery?.sees(viewer, account) ?? false },
  }
  for (const { name, migrations } of extensions) if (migrations !== undefined) ground.database.migrate(name, migrations)
  for (const extension of extensions) tables.install(extension.name, extension.install(host))
  tables.seal()
  const streamFeatures = {
    client: extensions.flatMap((extension) => extension.streamFeatures?.client ?? []),
    server: extensions.flatMap((extension) => extension.streamFeatures?.server ?? []),
  }
  return { host, router, tables, streamFeatures }
}
