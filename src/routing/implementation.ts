/** What an extension implements, for docs/doap.xml and docs/specifications.md. */
export interface Implementation {
  /** A XEP by number, or an RFC by number. */
  readonly xep?: number
  readonly rfc?: number
  /** Its own title, which may be shortened. */
  readonly title: string
  readonly version?: string
  /** The version of this server that first had it. */
  readonly since: string
  readonly status: 'complete' | 'partial' | 'sketch'
  readonly note?: string
}
