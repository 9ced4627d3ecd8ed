/** The part of npm's otr 0.2 which the tests use. It carries no types, and Node finds its names by `default` alone. */
declare module 'otr' {
  /** A long-lived DSA key. The first one takes seconds, and the event loop with it. */
  class DSA {
    constructor()
    /** Base64. */
    packPrivate(): string
    static parsePrivate(packed: string): DSA
    fingerprint(): string
  }

  class OTR {
    static readonly CONST: { readonly STATUS_AKE_SUCCESS: number, readonly STATUS_END_OTR: number }
    constructor(options?: { readonly priv?: DSA, readonly fragment_size?: number, readonly instance_tag?: string })
    ALLOW_V2: boolean
    ALLOW_V3: boolean
    REQUIRE_ENCRYPTION: boolean
    on(event: 'ui', listener: (text: string, encrypted: boolean) => void): void
    on(event: 'io', listener: (body: string) => void): void
    on(event: 'error', listener: (text: string, severity: string) => void): void
    on(event: 'status', listener: (status: number) => void): void
    sendQueryMsg(): void
    sendMsg(text: string): void
    receiveMsg(body: string): void
    endOtr(done?: () => void): void
  }

  const otr: { readonly DSA: typeof DSA, readonly OTR: typeof OTR }
  export default otr
  export type { DSA, OTR }
}
