import { channelOf, type Channel } from '../channel.js'
import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'
import type { Queue } from '../work/index.js'
import { isSelectorName, type SelectorName } from './selectors.js'
import type {
  AgentOptions, How, IntermediateHandler, MapperCallbacks, MapperOptions, PushOptions, RequestOptions, Selector,
} from './types.js'

const secondsMax = 86_400
const timeoutMsDefault = 30_000

/** What an agent is made with, all filled in. */
export interface AgentSettings {
  readonly pingMs: number
  readonly status: (() => unknown) | undefined
  readonly tags: readonly string[]
  readonly prefetch: number
  readonly fileRoot: string | undefined
  readonly maxFileBytes: number
  readonly queue: Queue | undefined
}

/** @throws TelepathineError `ERR_OPTION` */
export function agentSettings(options: AgentOptions): AgentSettings {
  const given = camel(options, ['pingTime', 'statusProc', 'tags', 'prefetch', 'fileRoot', 'maxFileBytes', 'queue'])
  const { statusProc, fileRoot, tags = [], prefetch = 256, maxFileBytes = 64 << 20 } = given
  if (fileRoot !== undefined && typeof fileRoot !== 'string') throw refuse('file_root', fileRoot, 'a path')
  return {
    pingMs: seconds('ping_time', given['pingTime'] ?? 15),
    status: checkStatus(statusProc),
    tags: texts('tags', tags),
    prefetch: whole('prefetch', prefetch, 1, 1_000_000),
    fileRoot,
    maxFileBytes: whole('max_file_bytes', maxFileBytes, 0, 2 ** 30),
    queue: given['queue'] as Queue | undefined,
  }
}

/** What a mapper is made with, all filled in. */
export interface MapperSettings {
  readonly agentTimeoutMs: number
  readonly offlineFailsafe: boolean
  readonly persistent: boolean
  readonly queue: Queue | undefined
  readonly redeliveryMs: number
  readonly timeoutMs: number
  readonly callbacks: MapperCallbacks
}

/** @throws TelepathineError `ERR_OPTION` */
export function mapperSettings(options: MapperOptions): MapperSettings {
  const names = [
    'agentTimeout', 'offlineFailsafe', 'persistent', 'queue', 'offlineRedeliveryFrequency', 'timeout', 'callbacks',
  ]
  const given = camel(options, names)
  const callbacks = camel(given['callbacks'] ?? {}, ['register', 'unregister', 'timeout'])
  for (const [name, callback] of Object.entries(callbacks)) checkFunction(`callbacks.${name}`, callback)
  return {
    agentTimeoutMs: seconds('agent_timeout', given['agentTimeout'] ?? 15),
    offlineFailsafe: flag('offline_failsafe', given['offlineFailsafe'] ?? false),
    persistent: flag('persistent', given['persistent'] ?? false),
    queue: given['queue'] as Queue | undefined,
    redeliveryMs: seconds('offline_redelivery_frequency', given['offlineRedeliveryFrequency'] ?? 10),
    timeoutMs: timeout(given['timeout'] ?? timeoutMsDefault),
    callbacks,
  }
}

/** What a request is made with. */
export interface RequestSettings {
  readonly selector: SelectorName | Selector
  readonly target: string | undefined
  readonly tags: { readonly any: readonly string[]; readonly all: readonly string[] } | undefined
  readonly offlineFailsafe: boolean
  readonly persistent: boolean
  /** Infinity: never; undefined: not said. */
  readonly timeoutMs: number | undefined
  readonly handler: IntermediateHandler | Readonly<Record<string, IntermediateHandler>> | undefined
}

/** @throws TelepathineError `ERR_OPTION` */
export function requestSettings(
  how: How<RequestOptions> | undefined, isPush: boolean, { offlineFailsafe, persistent }: MapperSettings,
): RequestSettings {
  const options = typeof how === 'string' || typeof how === 'function' ? { selector: how } : (how ?? {})
  const names: (keyof (PushOptions & RequestOptions))[] = [
    'selector', 'target', 'tags', 'offlineFailsafe', 'persistent', 'timeout',
  ]
  const given = camel(options, isPush ? names : [...names, 'intermediateHandler'])
  const { target, tags, timeout: ms, intermediateHandler: handler } = given
  if (target !== undefined && typeof target !== 'string') throw refuse('target', target, 'the identity of an agent')
  return {
    selector: checkSelector(given['selector'] ?? 'least_loaded'),
    target,
    tags: tags === undefined ? undefined : tagsWanted(tags),
    offlineFailsafe: flag('offline_failsafe', given['offlineFailsafe'] ?? offlineFailsafe),
    persistent: flag('persistent', given['persistent'] ?? persistent),
    timeoutMs: ms === undefined ? undefined : timeout(ms),
    handler: handler === undefined ? undefined : checkHandler(handler),
  }
}

/** Milliseconds of grace. @throws TelepathineError `ERR_OPTION` */
export function stopSettings(options: unknown = {}, graceMsDefault: number): number {
  const { grace = graceMsDefault } = camel(options, ['grace'])
  if (typeof grace === 'number' && grace >= 0) return grace
  throw refuse('grace', grace, 'milliseconds from 0')
}

/** What goes between type and callback of a request. */
export interface RequestArguments<C> {
  readonly payload: unknown
  readonly how: How<RequestOptions> | undefined
  readonly callback: C | undefined
}

/** Takes apart what follows the type: payload, selector or options, callback, each of which may be left out. */
export function requestArguments<C>(given: readonly unknown[]): RequestArguments<C> {
  const rest = [...given]
  while (rest.length > 0 && rest.at(-1) === undefined) rest.pop()
  const callback = typeof rest.at(-1) === 'function' ? (rest.pop() as C) : undefined
  const [payload = '', how] = rest
  return { payload, how: how as How<RequestOptions> | undefined, callback }
}

/** @throws TelepathineError `ERR_OPTION` for what is no peer */
export function checkPeer(peer: unknown): Channel {
  const channel = typeof peer === 'object' && peer !== null ? channelOf(peer) : undefined
  if (channel === undefined) throw refuse('peer', peer, 'a Telepathine')
  return channel
}

/** @throws TelepathineError `ERR_OPTION` */
export function checkStatus(status: unknown): (() => unknown) | undefined {
  return status === undefined ? undefined : checkFunction('status_proc', status)
}

/** @throws TelepathineError `ERR_OPTION` */
export function texts(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return [...value]
  throw refuse(name, value, 'an array of strings')
}

/** @throws TelepathineError `ERR_OPTION` */
export function checkFunction<F extends (...values: never[]) => unknown>(name: string, value: unknown): F {
  if (typeof value === 'function') return value as F
  throw refuse(name, value, 'a function')
}

/** An error that says which option was refused, and what is allowed. */
export function refuse(name: string, value: unknown, allowed: string): TelepathineError {
  return new TelepathineError('ERR_OPTION', `${name}: ${describe(value)} given, allowed: ${allowed}`)
}

/**
 * Options by their names in camelCase. The original's names in snake_case stand for the same.
 *
 * @throws TelepathineError `ERR_OPTION` for what is unknown, or given twice
 */
export function camel(options: unknown, allowed: readonly string[]): Record<string, unknown> {
  if (typeof options !== 'object' || options === null) throw refuse('options', options, 'an object')
  const found: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(options)) {
    const key = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (!allowed.includes(key)) {
      throw new TelepathineError('ERR_OPTION', `unknown option ${name}: known are ${allowed.map(snake).join(', ')}`)
    }
    if (key in found) throw new TelepathineError('ERR_OPTION', `option ${snake(key)} is given twice`)
    if (value !== undefined) found[key] = value
  }
  return found
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function checkSelector(selector: unknown): SelectorName | Selector {
  if (isSelectorName(selector) || typeof selector === 'function') return selector as SelectorName | Selector
  throw refuse('selector', selector, 'least_loaded, all, random, rr or a function')
}

function tagsWanted(tags: unknown): NonNullable<RequestSettings['tags']> {
  if (Array.isArray(tags)) return { any: texts('tags', tags), all: [] }
  const { any = [], all = [] } = camel(tags, ['any', 'all'])
  return { any: texts('tags.any', any), all: texts('tags.all', all) }
}

function checkHandler(handler: unknown): NonNullable<RequestSettings['handler']> {
  if (typeof handler === 'function') return handler as IntermediateHandler
  if (typeof handler !== 'object' || handler === null) {
    throw refuse('intermediate_handler', handler, 'a function, or functions by key')
  }
  for (const [key, each] of Object.entries(handler)) checkFunction(`intermediate_handler.${key}`, each)
  return handler as Readonly<Record<string, IntermediateHandler>>
}

function timeout(ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0) return ms === 0 ? Infinity : ms
  throw refuse('timeout', ms, 'milliseconds from 0')
}

/** Seconds, as milliseconds. */
function seconds(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value <= secondsMax) return value * 1_000
  throw refuse(name, value, `seconds above 0, up to ${secondsMax}`)
}

function whole(name: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  throw refuse(name, value, `a whole number in ${min}..${max}`)
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw refuse(name, value, 'true or false')
}
