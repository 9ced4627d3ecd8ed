import { isIP, isIPv4, SocketAddress } from 'node:net'
import { componentComplaints } from './components.ts'
import type { Complaint } from './config-error.ts'
import { copiesComplaints } from './copies.ts'
import { ONION } from './domain-name.ts'
import { keyPairComplaints, secretFileComplaints, unreadable } from './key-files.ts'
import type { Config, ListenerConfig } from './schema.ts'

/** What is wrong between values that are each right by themselves, and with the files that they name. */
export function contradictions(config: Config, now: number): Complaint[] {
  return [...ofOperators(config), ...ofDomains(config, now), ...ofListeners(config), ...ofKeys(config), ...ofTor(config), ...ofServers(config), ...componentComplaints(config), ...copiesComplaints(config), ...ofLimits(config)]
}

function ofOperators({ operators, domains }: Config): Complaint[] {
  return operators.flatMap((account, index): Complaint[] => {
    const domain = account.slice(account.indexOf('@') + 1)
    return domains.some(({ name }) => name === domain) ? [] : [{
      key: `operators[${index}]`,
      problem: `no domain is called "${domain}"`,
      remedy: `Write one of ${domains.map(({ name }) => `"${name}"`).join(', ')} after the @`,
    }]
  })
}

function ofDomains({ domains }: Config, now: number): Complaint[] {
  return domains.flatMap((domain, index) => {
    const at = `domains[${index}]`
    const complaints = keyPairComplaints(at, domain.certificate, domain.key, now)
    if (domains.findIndex(({ name }) => name === domain.name) < index) {
      complaints.push({
        key: `${at}.name`,
        problem: domain.name === ONION
          ? `a second domain is called "${ONION}", and the two could not be told apart`
          : `the domain "${domain.name}" stands twice`,
        remedy: 'Remove one of them',
      })
    }
    if (domain.name === ONION && !domain.onion_service) {
      complaints.push({
        key: `${at}.onion_service`,
        problem: `a domain called "${ONION}" is its onion service, so it always has one`,
        remedy: 'Remove this line, or give the domain a DNS name',
      })
    }
    if (domain.name === ONION && domain.federation === 'direct') {
      complaints.push({
        key: `${at}.federation`,
        problem: 'each connection that is not made through Tor would tell where the onion service is',
        remedy: 'Write "tor" or "refuse", or remove this line',
      })
    }
    return complaints
  })
}

function ofListeners({ domains, listeners }: Config): Complaint[] {
  const names = domains.map(({ name }) => name)
  return listeners.flatMap((listener, index) => {
    const at = `listeners[${index}]`
    const complaints: Complaint[] = listener.domains.flatMap((name, position) => names.includes(name) ? [] : [{
      key: `${at}.domains[${position}]`,
      problem: `no domain is called "${name}"`,
      remedy: `Write one of ${names.map((one) => `"${one}"`).join(', ')}, or add a [[domains]] table`,
    }])
    if (isIP(listener.address) === 0) {
      complaints.push({
        key: `${at}.address`,
        problem: `"${listener.address}" is no IP address`,
        remedy: 'Write "127.0.0.1" or "::1" for this machine alone',
      })
      return complaints
    }
    const before = listeners.findIndex((other) => isIP(other.address) !== 0 && overlap(other, listener))
    if (before < index) {
      complaints.push({
        key: `${at}.port`,
        problem: `${listener.address} port ${listener.port} is taken by listeners[${before}]`,
        remedy: 'Give one of the two another port',
      })
    }
    return complaints
  })
}

/** Port 0 is a free one each time. */
function overlap(one: ListenerConfig, other: ListenerConfig): boolean {
  if (one.port !== other.port || one.port === 0) return one === other
  const [first, second] = [canonical(one.address), canonical(other.address)]
  // '::' takes the port of IPv4, too, unless a system is told otherwise.
  return first === second || first === '::' || second === '::'
    || (isIPv4(first) && isIPv4(second) && (first === '0.0.0.0' || second === '0.0.0.0'))
}

function canonical(address: string): string {
  return new SocketAddress({ address, family: isIPv4(address) ? 'ipv4' : 'ipv6' }).address
}

function ofKeys({ keys }: Config): Complaint[] {
  const complaints = [
    // The storage key itself may be missing: it is made at the first start.
    ...secretFileComplaints('keys.file', keys.file, { mayBeMissing: true }),
    ...secretFileComplaints('keys.passphrase_file', keys.passphrase_file, { mayBeMissing: false }),
  ]
  const [first, ...others] = [
    keys.file !== '' ? 'file' : '', keys.passphrase_file !== '' ? 'passphrase_file' : '',
    keys.passphrase_credential !== '' ? 'passphrase_credential' : '', keys.passphrase_prompt ? 'passphrase_prompt' : '',
  ].filter((key) => key !== '')
  for (const other of others) {
    complaints.push({
      key: `keys.${other}`,
      problem: `the storage key either lies in a file or follows from one passphrase, and keys.${first} says where it is`,
      remedy: 'Remove one of the two lines',
    })
  }
  return complaints
}

function ofTor({ tor }: Config): Complaint[] {
  const complaints = ofOptionalFile('tor.torrc', tor.torrc)
  if (tor.required && !tor.enabled) {
    complaints.push({
      key: 'tor.required',
      problem: 'tor is required and switched off',
      remedy: 'Set tor.enabled = true, or remove this line',
    })
  }
  return complaints
}

function ofServers({ tor, s2s, listeners }: Config): Complaint[] {
  const complaints = ofOptionalFile('s2s.authorities', s2s.authorities)
  if (!tor.enabled && Object.keys(s2s.onion_map).length > 0) {
    complaints.push({
      key: 's2s.onion_map',
      problem: 'these domains are called through Tor alone, which is switched off, so nobody would reach them',
      remedy: 'Set tor.enabled = true, or remove the map',
    })
  }
  const idle = s2s.enabled ? -1 : listeners.findIndex(({ kind }) => kind === 's2s' || kind === 's2s-tls')
  if (idle >= 0) {
    complaints.push({
      key: `listeners[${idle}].kind`,
      problem: 'it is for other servers, and s2s.enabled is false',
      remedy: 'Remove this listener, or set s2s.enabled = true',
    })
  }
  return complaints
}

function ofOptionalFile(key: string, file: string): Complaint[] {
  const reason = file === '' ? undefined : unreadable(file)
  if (reason === undefined) return []
  return [{ key, problem: `${file} cannot be read (${reason})`, remedy: 'Name a file that this user may read, or remove the line' }]
}

function ofLimits({ limits }: Config): Complaint[] {
  if (limits.outbox >= limits.stanza) return []
  return [{
    key: 'limits.outbox',
    problem: 'a stanza of the size that limits.stanza allows would end the stream of whom it is for',
    remedy: 'Let limits.outbox be as much as limits.stanza, better several times as much',
  }]
}
