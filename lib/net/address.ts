import ipaddr from 'ipaddr.js'
import { TelepathineError } from '../gossip/errors.js'

/** Where a socket can be reached. */
export interface Address {
  /** Canonical: an IPv4 or IPv6 literal without brackets, or a DNS name in lower case. */
  readonly host: string
  /** 0..65535; 0 only where a port is still to be chosen. */
  readonly port: number
}

/**
 * Reads `host:port`, `:port` (this host's loopback, 127.0.0.1) or `[v6]:port`.
 * @param portMin least port allowed: 0 for an address to bind to, 1 for one to dial
 * @throws TelepathineError `ERR_ADDRESS`, naming the value and what is allowed
 */
export function parseAddress(text: unknown, portMin: 0 | 1 = 0): Address {
  const parts = typeof text === 'string' ? /^(?:\[([^[\]]+)\]|([^:[\]]*)):(0|[1-9]\d{0,4})$/.exec(text) : null
  const port = Number(parts?.[3])
  const host = parts?.[1] === undefined ? nameOrV4(parts?.[2] || '127.0.0.1') : v6(parts[1])
  if (parts === null || host === undefined || port < portMin || port > 65_535) {
    throw refused(text, `host:port, :port or [v6]:port, with a port in ${portMin}..65535`)
  }
  return { host, port }
}

/** Writes an address as {@link parseAddress} reads it: `127.0.0.1:9000`, `[::1]:9000`. Expects a canonical host. */
export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * The one spelling of a host: `FE80::0:1` and `[fe80::1]` are `fe80::1`, `Example.com` is `example.com`, and IPv4
 * mapped into IPv6 is IPv4.
 * @throws TelepathineError `ERR_ADDRESS`, naming the value and what is allowed
 */
export function parseHost(text: unknown): string {
  const host = typeof text === 'string' ? (v6(text.replace(/^\[(.*)\]$/, '$1')) ?? nameOrV4(text)) : undefined
  if (host === undefined) throw refused(text, 'an IPv4 or IPv6 address or a DNS name')
  return host
}

/** 4 or 6 for an address literal, 0 for a DNS name. Expects a canonical host. */
export function familyOf(host: string): 0 | 4 | 6 {
  if (host.includes(':')) return 6
  return ipaddr.IPv4.isValidFourPartDecimal(host) ? 4 : 0
}

/** Whether a host is this machine itself, seen from itself. Expects a canonical host. */
export function isLoopback(host: string): boolean {
  const family = familyOf(host)
  return family === 0 ? host === 'localhost' : ipaddr.parse(host).range() === 'loopback'
}

/**
 * Makes a look-up of a table that rewrites what is dialled: host to host, or `host:port` to `host:port`.
 * An entry for the whole address goes before one for its host; what has no entry stays as it is. One step, no chains.
 * @throws TelepathineError `ERR_ADDRESS` when a key or value is neither, or the two are not of one kind
 */
export function addressLookup(table: Readonly<Record<string, string>>): (address: Address) => Address {
  const hosts = new Map<string, string>()
  const addresses = new Map<string, Address>()
  for (const [from, to] of Object.entries(table)) {
    if (isHost(from)) {
      hosts.set(parseHost(from), parseHost(to))
    } else {
      const { host, port } = parseAddress(from, 1)
      addresses.set(formatAddress(host, port), parseAddress(to, 1))
    }
  }
  return (address) => {
    if (addresses.size === 0 && hosts.size === 0) return address
    const whole = addresses.get(formatAddress(address.host, address.port))
    if (whole !== undefined) return whole
    const host = hosts.get(address.host)
    return host === undefined ? address : { host, port: address.port }
  }
}

function isHost(text: string): boolean {
  return v6(text.replace(/^\[(.*)\]$/, '$1')) !== undefined || nameOrV4(text) !== undefined
}

function v6(text: string): string | undefined {
  if (!ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String()
}

/** As URLs have it: a name whose last label is a number is an IPv4 address or nothing, so `1.2.3` is not a DNS name. */
function nameOrV4(text: string): string | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return text
  const name = text.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  const fit = labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))
  if (!fit || name.length > 253) return undefined
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '') ? undefined : name
}

function refused(value: unknown, allowed: string): TelepathineError {
  const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 300)) : String(value)
  return new TelepathineError('ERR_ADDRESS', `${shown} is not an address: allowed is ${allowed}`)
}
