/** The part of tr46 6.0 which we use; the package carries no types. */
declare module 'tr46' {
  export interface Options {
    readonly checkBidi: boolean
    readonly checkHyphens: boolean
    readonly checkJoiners: boolean
    readonly useSTD3ASCIIRules: boolean
    readonly verifyDNSLength: boolean
    readonly transitionalProcessing: boolean
  }
  /** null where the domain is none. */
  export function toASCII(domain: string, options: Options): string | null
  export function toUnicode(domain: string, options: Options): { readonly domain: string, readonly error: boolean }
}

/** Its tables of properties that JavaScript's own expressions do not know. A path of its own, so the version is pinned. */
declare module 'tr46/lib/regexes.js' {
  interface Tables {
    readonly combiningClassVirama: RegExp
    readonly validZWNJ: RegExp
    readonly bidiDomain: RegExp
    readonly bidiS1LTR: RegExp
    readonly bidiS1RTL: RegExp
    readonly bidiS2: RegExp
    readonly bidiS3: RegExp
    readonly bidiS4EN: RegExp
    readonly bidiS4AN: RegExp
    readonly bidiS5: RegExp
    readonly bidiS6: RegExp
  }
  const tables: Tables
  export default tables
}
