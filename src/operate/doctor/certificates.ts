import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isUnderOnion } from '../../xmpp/domainpart.ts'
import { PeerCertificate } from '../../net/peer-certificate.ts'
import { bad, good, grave, notice, type Check, type Finding } from './finding.ts'

const DAY = 86_400_000
/** Authorities that issue for 90 days are asked again after 60. */
const SOON = 21 * DAY
const VERY_SOON = 7 * DAY

/** Whom the certificates name, who signed them, and until when they are valid. */
export const certificates: Check = {
  name: 'Certificates',
  examine({ config, now }) {
    return config.domains.flatMap(({ name, certificate }): Finding[] => {
      const isOwn = certificate === ''
      const file = isOwn ? join(config.files.data, 'certificates', `${name}.crt`) : certificate
      if (!existsSync(file)) return [notice(`${name} has no certificate yet`, 'Start the server once')]
      const parsed = parse(file)
      if (parsed === undefined) return [grave(`${name}: ${file} cannot be read as a certificate`, 'sotto config check tells more')]
      const { x509, names, isSelfIssued } = parsed
      const left = Date.parse(x509.validTo) - now
      const findings: Finding[] = []
      if (left < 0) findings.push(grave(`${name}: the certificate has expired`, 'Renew it; the server takes it up by itself'))
      else if (left < SOON) findings.push((left < VERY_SOON ? bad : notice)(`${name}: the certificate expires in ${Math.floor(left / DAY)} days`, 'Renew it; the server takes it up by itself'))
      if (name === 'onion' || isUnderOnion(name)) return findings.length > 0 ? findings : [good(`${name}: valid; the address itself is the proof`)]
      if (!names.covers(name, 'xmpp-client')) findings.push(bad(`${name}: the certificate does not name it`, 'Have it issued for this domain (dNSName)'))
      if (isSelfIssued) findings.push(notice(`${name}: the certificate is signed by nobody but itself`, 'Other servers refuse it; get one of an authority, e.g. Let\'s Encrypt'))
      return findings.length > 0 ? findings : [good(`${name}: valid for ${Math.floor(left / DAY)} days`)]
    })
  },
}

function parse(file: string): { readonly x509: X509Certificate, readonly names: PeerCertificate['names'], readonly isSelfIssued: boolean } | undefined {
  try {
    const x509 = new X509Certificate(readFileSync(file))
    const peer = PeerCertificate.parse(x509.raw)
    return peer === undefined ? undefined : { x509, names: peer.names, isSelfIssued: peer.isSelfIssued }
  } catch {
    return undefined
  }
}
