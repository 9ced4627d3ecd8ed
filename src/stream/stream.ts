/** The pair of XML streams on one connection (RFC 6120's stream has one direction). */
export class Stream {
}
