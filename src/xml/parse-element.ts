import type { Element } from './element.ts'
import { StreamParser } from './parser.ts'

/** What we have written ourselves is within these, however deep and large it was let in. */
const LIMITS = {
  header: 1024, stanza: 64 * 1024 * 1024, depth: 1024, attributes: 65_536, elements: 4_194_304, name: 65_536, startTag: 64 * 1024 * 1024,
}

/** Reads one element that `serialize` wrote with the context ''. @throws XmlError, RangeError where there is not exactly one */
export function parseElement(xml: string): Element {
  const found: Element[] = []
  const parser = new StreamParser({
    streamOpened: () => undefined,
    received: (element) => { found.push(element) },
    streamClosed: () => undefined,
  }, LIMITS)
  parser.write(Buffer.from(`<kept>${xml}`))
  const [element] = found
  if (element === undefined || found.length > 1 || !parser.idle) throw new RangeError('not one element')
  return element
}
