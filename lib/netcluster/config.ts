import { readFile } from 'node:fs/promises'
import ipaddr from 'ipaddr.js'
import JSON5 from 'json5'
import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { parseAddress } from '../net/address.js'
import { checkKeys, isUnspecified } from '../options.js'
import { channelNameFault, controlChannel } from './names.js'
import { partOfName } from './pattern.js'

/** How the messages that agents emit on a channel are passed on. Agents of the same channel always hear them. */
export interface NCChannelConfig {
  /**
   * To which other channels: none, or those whose name a regular expression finds a match in. It reaches `control`
   * only if it spells that word out. Default false.
   */
  propagatetochannels?: false | string
  /** Whether they go to the other servers of the network too. Never for `control`. Default false. */
  propagatetonet?: boolean
  /** Whether they are printed. Default false. */
  dumptoconsole?: boolean
}

/** Configuration of an {@link NCServer}. Only `channels` must be given, and `control` among them. */
export interface NCConfig {
  /** The channels, each a socket of its own. `control` must be there. */
  channels: Readonly<Record<string, NCChannelConfig>>
  /** Whether to connect to other servers. Default true. */
  connecttonet?: boolean
  /** IPv4 multicast group in which servers find each other. Default `224.0.0.0`. */
  addr?: string
  /** UDP port of that group. Default 4454. */
  port?: number
  /** Servers to join through, `host:port` each, beside those found by multicast. Default none. */
  seeds?: readonly string[]
  /**
   * `host:port` that other servers reach this one under; port 0 takes a free one. Default: the first address of this
   * machine in a network, and port 0.
   */
  listen?: string
  /** Name of the cluster; servers of different clusters never mix. Default `netcluster`. */
  cluster?: string
  /** Pre-shared key, or a list of which the first seals and all open. Default none: whoever reaches it takes part. */
  network?: string | readonly string[]
  /** Whether what comes from the network is printed. Default true. */
  dumpnet?: boolean
  /** Whether `control` answers requests. Default true. */
  startcontrol?: boolean
  /**
   * Folder of the sockets. Default `netcluster` in `$XDG_RUNTIME_DIR`, otherwise `netcluster-<uid>` in the system's
   * folder for temporary files.
   */
  socketdir?: string
}

/** A configuration after the check, defaults filled in. */
export interface Settings extends Readonly<Required<Omit<NCConfig, 'channels' | 'network' | 'listen' | 'socketdir'>>> {
  readonly channels: ReadonlyMap<string, Readonly<Required<NCChannelConfig>>>
  readonly network: string | readonly string[] | undefined
  readonly listen: string | undefined
  readonly socketdir: string | undefined
}

const channelsMax = 1_000
const seedsMax = 1_000

/** What a server runs on that was given no configuration. */
export const defaultConfig: NCConfig = {
  connecttonet: false,
  channels: {
    control: { propagatetochannels: false, propagatetonet: false, dumptoconsole: false },
    A: { propagatetochannels: '.*', propagatetonet: false, dumptoconsole: false },
    B: { propagatetochannels: '.*', propagatetonet: false, dumptoconsole: false },
  },
}

/**
 * Reads a configuration from a file: JSON, in which comments and trailing commas are allowed. What it says is checked
 * when a server starts with it.
 * @throws TelepathineError `ERR_OPTION` names file, line and column; the system's errors as they are
 */
export async function readConfig(path: string): Promise<NCConfig> {
  const text = await readFile(path, 'utf8')
  try {
    return JSON5.parse<NCConfig>(text)
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^JSON5: /, '') : String(error)
    throw new TelepathineError('ERR_OPTION', `${path}: ${why}`, { cause: error })
  }
}

/**
 * Checks a configuration and fills in the defaults.
 * @throws TelepathineError `ERR_OPTION` names the key, what was given and what is allowed
 */
export function checkConfig(config: unknown): Settings {
  const read = new Keys(config, '', [
    'channels', 'connecttonet', 'addr', 'port', 'seeds', 'listen', 'cluster', 'network', 'dumpnet', 'startcontrol',
    'socketdir',
  ] satisfies (keyof NCConfig)[])
  return Object.freeze({
    channels: checkChannels(read.value('channels')),
    connecttonet: read.flag('connecttonet', true),
    addr: read.fit('addr', '224.0.0.0', isMulticast, 'an IPv4 multicast address, 224.0.0.0 to 239.255.255.255'),
    port: read.fit('port', 4454, isPort, 'a whole number in 1..65535'),
    seeds: checkSeeds(read.value('seeds', [])),
    listen: read.fit('listen', undefined, isReachable, 'an address host:port that the others can reach'),
    cluster: read.fit('cluster', 'netcluster', isText(255), 'a string of 1 to 255 characters'),
    network: checkNetwork(read.value('network')),
    dumpnet: read.flag('dumpnet', true),
    startcontrol: read.flag('startcontrol', true),
    socketdir: read.fit('socketdir', undefined, isText(4_096), 'the path of a folder'),
  })
}

function checkChannels(value: unknown): Settings['channels'] {
  const channels = new Map<string, Readonly<Required<NCChannelConfig>>>()
  if (!isObject(value)) throw refuse('channels', value, 'an object with a key for each channel')
  for (const [name, rules] of Object.entries(value)) {
    const fault = channelNameFault(name)
    if (fault !== undefined) throw refuse('channels', name, fault)
    channels.set(name, checkRules(name, rules))
  }
  if (!channels.has(controlChannel)) {
    const given = [...channels.keys()].join(', ')
    throw refuse('channels', given, `channels of which one is ${controlChannel}`)
  }
  if (channels.size > channelsMax) throw refuse('channels', channels.size, `at most ${channelsMax} channels`)
  return channels
}

function checkSeeds(seeds: unknown): readonly string[] {
  const allowed = `a list of at most ${seedsMax} addresses host:port`
  if (!Array.isArray(seeds) || seeds.length > seedsMax) throw refuse('seeds', seeds, allowed)
  for (const seed of seeds as readonly unknown[]) if (!isAddress(seed, 1)) throw refuse('seeds', seed, allowed)
  return seeds as readonly string[]
}

/** Before anything is opened or left, and without showing it. */
function checkNetwork(network: unknown): Settings['network'] {
  if (network === undefined) return undefined
  try {
    checkKeys(network)
    return network as Settings['network']
  } catch (error) {
    throw new TelepathineError('ERR_OPTION', `configuration: ${(error as Error).message.replace(/^option /, '')}`)
  }
}

function checkRules(name: string, value: unknown): Readonly<Required<NCChannelConfig>> {
  const prefix = `channels.${name}`
  const read = new Keys(value, prefix, [
    'propagatetochannels', 'propagatetonet', 'dumptoconsole',
  ] satisfies (keyof NCChannelConfig)[])
  const to = read.value('propagatetochannels', false)
  if (to !== false) {
    try {
      partOfName(to)
    } catch (error) {
      const allowed = (error as Error).message.replace(/.*allowed: /, '')
      throw refuse(`${prefix}.propagatetochannels`, to, `false, or ${allowed}`)
    }
  }
  const propagatetonet = read.flag('propagatetonet', false)
  if (propagatetonet && name === controlChannel) {
    throw refuse(`${prefix}.propagatetonet`, true, 'false: nobody controls a server from the network')
  }
  const dumptoconsole = read.flag('dumptoconsole', false)
  return Object.freeze({ propagatetochannels: to as false | string, propagatetonet, dumptoconsole })
}

/** Reads the keys of an object, and says what is wrong with those that do not fit. */
class Keys {
  readonly #object: Readonly<Record<string, unknown>>
  readonly #prefix: string

  constructor(object: unknown, prefix: string, known: readonly string[]) {
    if (!isObject(object)) throw refuse(prefix || 'the whole', object, `an object with ${known.join(', ')}`)
    this.#object = object
    this.#prefix = prefix === '' ? '' : `${prefix}.`
    for (const [key, value] of Object.entries(object)) {
      if (!known.includes(key)) throw refuse(`${this.#prefix}${key}`, value, `only the keys ${known.join(', ')}`)
    }
  }

  value(key: string, otherwise?: unknown): unknown {
    const value = this.#object[key]
    return value === undefined ? otherwise : value
  }

  flag(key: string, otherwise: boolean): boolean {
    return this.fit(key, otherwise, value => typeof value === 'boolean', 'true or false')
  }

  fit<T>(key: string, otherwise: T, fits: (value: unknown) => boolean, allowed: string): T
  fit<T>(key: string, otherwise: undefined, fits: (value: unknown) => boolean, allowed: string): T | undefined
  fit<T>(key: string, otherwise: T, fits: (value: unknown) => boolean, allowed: string): T {
    const value = this.value(key)
    if (value === undefined) return otherwise
    if (!fits(value)) throw refuse(`${this.#prefix}${key}`, value, allowed)
    return value as T
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(lengthMax: number): (value: unknown) => boolean {
  return value => typeof value === 'string' && value.length > 0 && value.length <= lengthMax
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535
}

function isMulticast(value: unknown): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(String(value)) && ipaddr.IPv4.parse(String(value)).range() === 'multicast'
}

function isAddress(value: unknown, portMin: 0 | 1): boolean {
  try {
    parseAddress(value, portMin)
    return true
  } catch {
    return false
  }
}

function isReachable(value: unknown): boolean {
  return isAddress(value, 0) && !isUnspecified(parseAddress(value).host)
}

function refuse(key: string, value: unknown, allowed: string): TelepathineError {
  return new TelepathineError('ERR_OPTION', `configuration: ${key}: ${describe(value)} given, allowed: ${allowed}`)
}
