/** The part of ltx 3.1 which we use; the package carries no types. */
declare module 'ltx' {
  export class Element {
    constructor(name: string, attrs?: Readonly<Record<string, string>>)
    name: string
    parent: Element | null
    attrs: Record<string, string>
    children: (Element | string)[]
    cnode(child: Element): Element
    append(...nodes: (Element | string)[]): void
  }
}
