import { NS_COMPONENT, NS_DIALBACK, NS_SERVER, NS_STREAM } from './namespaces.ts'

/** What a stream header of ours says (RFC 6120 §4.7). */
export interface HeaderFields {
  /** 'jabber:client', 'jabber:server' or 'jabber:component:accept'. */
  readonly contentNamespace: string
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly id?: string | undefined
}

/** The text of a stream header. Only names that were parsed (JIDs, identifiers of ours) may be passed in. */
export function streamHeader({ contentNamespace, from, to, id }: HeaderFields): string {
  const attributes = [
    from === undefined ? '' : ` from='${from.replace(/['&<]/g, '')}'`,
    to === undefined ? '' : ` to='${to.replace(/['&<]/g, '')}'`,
    id === undefined ? '' : ` id='${id}'`,
  ].join('')
  // COMPAT(servers before stream features): the prefix says that the other side speaks dialback (XEP-0220).
  const dialback = contentNamespace === NS_SERVER ? ` xmlns:db='${NS_DIALBACK}'` : ''
  // XEP-0114 §3: a version would promise stream features, and there are none.
  const version = contentNamespace === NS_COMPONENT ? '' : " version='1.0'"
  return `<?xml version='1.0'?><stream:stream${attributes}${version} xml:lang='en'`
    + ` xmlns='${contentNamespace}' xmlns:stream='${NS_STREAM}'${dialback}>`
}

export const STREAM_END = '</stream:stream>'

/** Major and minor number of a `version` attribute (RFC 6120 §4.7.5), undefined where it is none. */
export function parseVersion(version: string | undefined): { readonly major: number; readonly minor: number } | undefined {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})$/.exec(version ?? '') ?? []
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) }
}
