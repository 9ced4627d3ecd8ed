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

/** A MUST that touches a server: a test's title begins with `clause`, one for each that names the same. */
export interface Clause {
  /** e.g. 'XEP-0198 §5' */
  readonly clause: string
  /** What it wants, in short. */
  readonly text: string
}
