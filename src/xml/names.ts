/** Names as XML 1.0 §2.3 (fifth edition) and Namespaces in XML 1.0 §3 have them. */
const START = 'A-Z_a-z\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff\\u200c\\u200d\\u2070-\\u218f' +
  '\\u2c00-\\u2fef\\u3001-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\ufffd\\u{10000}-\\u{effff}'
const REST = `${START}\\-.0-9\\xb7\\u0300-\\u036f\\u203f\\u2040`

const NAME = new RegExp(`^[:${START}][:${REST}]*$`, 'u')
const LOCAL_NAME = new RegExp(`^[${START}][${REST}]*$`, 'u')
const QUALIFIED_NAME = new RegExp(`^[${START}][${REST}]*(?::[${START}][${REST}]*)?$`, 'u')

/** May it stand as a `Name`, colons and all? */
export function isName(text: string): boolean {
  return NAME.test(text)
}

/** A name without a prefix (`NCName`). */
export function isLocalName(text: string): boolean {
  return LOCAL_NAME.test(text)
}

/** A name with at most one prefix (`QName`). */
export function isQualifiedName(text: string): boolean {
  return QUALIFIED_NAME.test(text)
}
