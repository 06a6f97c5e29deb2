import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import { Queue } from '../queue/queue.js'
import type { ServerLimits } from './server.js'
import type { ServiceSettings } from './service.js'
import type { TagFilter } from './selection.js'
import type {
  CallOptions, DeadOptions, DispatcherOptions, EnqueueOptions, GatherOptions, OutcomeOptions, Select, ServeOptions,
  WaitOptions,
} from './types.js'

/** Longest name of a service, and longest key, in bytes. */
const nameBytesMax = 200
const slotsMax = 1_000_000
const secondsDefault = 30

/** How long a request or a gathering takes at most, unless said otherwise. */
export const timeoutMsDefault = secondsDefault * 1_000

/** A dispatcher's options, all filled in. */
export interface DispatcherSettings extends ServerLimits {
  readonly maxPending: number
}

/** @throws TelepathineError `ERR_OPTION` */
export function dispatcherSettings(options: DispatcherOptions): DispatcherSettings {
  only(options, ['maxPending', 'maxPayloadBytes', 'maxHeldBytes', 'stacks', 'queue'])
  const { queue } = options
  if (queue !== undefined && !(queue instanceof Queue)) throw refuse('queue', queue, 'what openQueue() resolves to')
  return {
    maxPending: whole('maxPending', options.maxPending ?? 10_000, 1, 10_000_000),
    maxPayloadBytes: whole('maxPayloadBytes', options.maxPayloadBytes ?? 64 << 20, 1_024, 2 ** 30),
    maxHeldBytes: whole('maxHeldBytes', options.maxHeldBytes ?? 256 << 20, 1_024, Number.MAX_SAFE_INTEGER),
    stacks: flag('stacks', options.stacks ?? false),
  }
}

/** @throws TelepathineError `ERR_OPTION` */
export function serviceSettings(options: ServeOptions): ServiceSettings {
  only(options, ['concurrency', 'queue', 'tags', 'version', 'onCallerLost', 'durable'])
  const { version, onCallerLost = 'cancel', durable = false } = options
  if (version !== undefined && typeof version !== 'string') throw refuse('version', version, 'a string')
  if (onCallerLost !== 'cancel' && onCallerLost !== 'finish') {
    throw refuse('onCallerLost', onCallerLost, 'cancel, finish')
  }
  return {
    concurrency: whole('concurrency', options.concurrency ?? 256, 1, slotsMax),
    queue: whole('queue', options.queue ?? 1_024, 0, slotsMax),
    tags: texts('tags', options.tags ?? []),
    version,
    onCallerLost,
    durable: flag('durable', durable),
  }
}

/** Milliseconds of grace. */
export function graceMs(options: { grace?: number } = {}): number {
  only(options, ['grace'])
  return duration('grace', options.grace ?? timeoutMsDefault)
}

/** @throws TelepathineError `ERR_OPTION` */
export function waitSettings(options: WaitOptions) {
  only(options, ['count', 'timeout', 'signal'])
  const { count = 1, timeout = timeoutMsDefault, signal } = options
  checkSignal(signal)
  return {
    count: whole('count', count, 1, slotsMax),
    timeoutMs: Math.min(duration('timeout', timeout) || Infinity, Infinity),
    signal,
  }
}

const names = ['select', 'target', 'tags', 'timeout', 'signal', 'idempotent', 'key', 'probe', 'wait']
const probesMax = 8

/** A call's options, checked. */
export interface CallSettings {
  readonly select: Select | undefined
  readonly target: string | undefined
  readonly tags: TagFilter | undefined
  /** Infinity: never; undefined: not said. */
  readonly timeoutMs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly idempotent: boolean
  readonly key: Uint8Array | undefined
  readonly keyText: string | undefined
  /** How many are asked for their load; 0: none. */
  readonly probe: number
  readonly wait: boolean
}

const nothing: CallSettings = {
  select: undefined, target: undefined, tags: undefined, timeoutMs: undefined, signal: undefined, idempotent: false,
  key: undefined, keyText: undefined, probe: 0, wait: false,
}

/** @throws TelepathineError `ERR_OPTION` */
export function callSettings(options: CallOptions | undefined): CallSettings {
  if (options === undefined) return nothing
  only(options, names)
  const { select, target, tags, timeout, signal, idempotent = false, key, probe, wait = false } = options
  if (probe !== undefined && (target ?? key ?? (select === 'p2c' ? undefined : select)) !== undefined) {
    throw new TelepathineError('ERR_OPTION', 'probe: not together with target, key, or select other than p2c')
  }
  if (target !== undefined && typeof target !== 'string') throw refuse('target', target, 'a peer name')
  checkSignal(signal)
  return {
    select: select === undefined ? undefined : checkSelect(select),
    target,
    tags: tags === undefined ? undefined : tagFilter(tags),
    timeoutMs: timeout === undefined ? undefined : duration('timeout', timeout) || Infinity,
    signal,
    idempotent: flag('idempotent', idempotent),
    key: key === undefined ? undefined : nameBytes('key', key, 'ERR_OPTION'),
    keyText: key,
    probe: probe === undefined ? 0 : whole('probe', probe, 2, probesMax),
    wait: flag('wait', wait),
  }
}

/** @throws TelepathineError `ERR_OPTION` */
export function gatherSettings(options: GatherOptions): CallSettings & { need: number; allowEmpty: boolean } {
  only(options, ['select', 'target', 'tags', 'ttl', 'signal', 'need', 'allowEmpty'])
  const { ttl = timeoutMsDefault, need, allowEmpty = false, ...rest } = options
  return {
    ...callSettings({ ...rest, timeout: duration('ttl', ttl) }),
    need: need === undefined ? Infinity : whole('need', need, 1, Number.MAX_SAFE_INTEGER),
    allowEmpty: flag('allowEmpty', allowEmpty),
  }
}

/** Most attempts at a job. */
const attemptsMax = 1_000
const yearMs = 365 * 86_400_000

/** @throws TelepathineError `ERR_OPTION` */
export function enqueueSettings(options: EnqueueOptions, priorityMax: number) {
  only(options, ['key', 'delay', 'attempts', 'backoff', 'priority', 'expiresAt'])
  const { key, delay = 0, attempts = 5, backoff = 1_000, priority = 0, expiresAt = Infinity } = options
  if (typeof expiresAt !== 'number' || Number.isNaN(expiresAt)) {
    throw refuse('expiresAt', expiresAt, 'a Unix time in milliseconds')
  }
  if (priority !== 0 && priorityMax === 0) {
    throw refuse('priority', priority, '0, as this queue engine has no priorities; a folder (file:) has')
  }
  if (key !== undefined) nameBytes('key', key, 'ERR_OPTION')
  return {
    key,
    delayMs: Math.min(Math.round(duration('delay', delay)), yearMs),
    attempts: whole('attempts', attempts, 1, attemptsMax),
    backoffMs: Math.min(Math.round(duration('backoff', backoff)), yearMs),
    priority: whole('priority', priority, 0, priorityMax),
    expiresAt,
  }
}

/** @throws TelepathineError `ERR_OPTION` */
export function outcomeSettings(options: OutcomeOptions) {
  only(options, ['timeout', 'signal'])
  const { timeout = Infinity, signal } = options
  checkSignal(signal)
  return { timeoutMs: duration('timeout', timeout) || Infinity, signal }
}

/** @throws TelepathineError `ERR_OPTION` for what is no token of a job */
export function checkToken(token: unknown): string {
  if (typeof token === 'string' && /^[\w-]{24}$/.test(token)) return token
  throw refuse('token', token, 'what enqueue() resolved to')
}

/** Which dead letters are wanted. @throws TelepathineError `ERR_OPTION` */
export function deadSettings(options: DeadOptions): Required<DeadOptions> {
  only(options, ['limit', 'large'])
  const { limit = 100, large = true } = options
  if (typeof large !== 'boolean') throw refuse('large', large, 'true or false')
  return { limit: whole('limit', limit, 1, 10_000), large }
}

/** The bytes of a service's name or of a key. */
export function nameBytes(what: string, text: unknown, code: 'ERR_KEY' | 'ERR_OPTION'): Uint8Array {
  const allowed = `allowed: a well-formed string of 1 to ${nameBytesMax} bytes`
  if (typeof text !== 'string' || text === '' || text.length > nameBytesMax || /\p{Surrogate}/u.test(text)) {
    throw new TelepathineError(code, `${what}: ${describe(text)} given, ${allowed}`)
  }
  const bytes = Buffer.from(text)
  if (bytes.length > nameBytesMax) throw new TelepathineError(code, `${what}: ${bytes.length} bytes given, ${allowed}`)
  return bytes
}

const policies = ['p2c', 'least-loaded', 'random', 'round-robin', 'all']

function checkSelect(select: unknown): Select {
  if (typeof select === 'function' || policies.includes(select as string)) return select as Select
  if (typeof select === 'object' && select !== null && typeof (select as { key?: unknown }).key === 'string') {
    return select as Select
  }
  throw refuse('select', select, `${policies.join(', ')}, { key: string } or a function`)
}

function tagFilter(tags: unknown): TagFilter {
  if (Array.isArray(tags)) return { any: texts('tags', tags), all: [] }
  if (typeof tags !== 'object' || tags === null) throw refuse('tags', tags, 'an array of strings, or { any, all }')
  only(tags, ['any', 'all'])
  const { any = [], all = [] } = tags as { any?: unknown; all?: unknown }
  return { any: texts('tags.any', any), all: texts('tags.all', all) }
}

function texts(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return [...value]
  throw refuse(name, value, 'an array of strings')
}

function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw refuse('signal', signal, 'an AbortSignal')
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw refuse(name, value, 'true or false')
}

function whole(name: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  throw refuse(name, value, `a whole number in ${min}..${max}`)
}

function duration(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0) return value
  throw refuse(name, value, 'milliseconds from 0')
}

function only(options: object, allowed: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw refuse('options', options, 'an object')
  for (const name of Object.keys(options)) {
    if (allowed.includes(name)) continue
    throw new TelepathineError('ERR_OPTION', `unknown option ${name}: known are ${allowed.join(', ')}`)
  }
}

function refuse(name: string, value: unknown, allowed: string): TelepathineError {
  return new TelepathineError('ERR_OPTION', `option ${name}: ${describe(value)} given, allowed: ${allowed}`)
}
