import createDebug from 'debug'
import type { Channel } from '../channel.js'
import { type ErrorCode, TelepathineError } from '../gossip/errors.js'
import type { Delivery, Engine, Taker } from '../queue/engine.js'
import type { Queue } from '../queue/queue.js'
import { ownBytes } from '../values.js'
import { serving } from './context.js'
import { Duty } from './duty.js'
import {
  decodeContent, decodeLetter, decodeVerdict, encodeLetter, encodeVerdict, errorOf, inlineBytesMax, type Content,
  type Letter, type Verdict,
} from './envelope.js'
import { CallError, recordOf, refusalCode } from './errors.js'
import { Refusal } from './frame.js'
import { checkToken, deadSettings, enqueueSettings, nameBytes, outcomeSettings } from './options.js'
import { Outcomes } from './outcomes.js'
import { encodePayload, formOf } from './payload.js'
import { emitAll, iteratorOf, refusalBy, isThenable, type Server } from './server.js'
import type { Service } from './service.js'
import { newToken, tokenOf } from './token.js'
import { CallTrace, ServeTrace } from './tracing.js'
import type { DeadJob, DeadOptions, EnqueueOptions, OutcomeOptions, QueueInfo, Settled } from './types.js'

const log = createDebug('telepathine:work')

/** The service by which peers ask each other who is at which job. */
export const holdersName = '\0holders'

/** How long they have to answer, and how soon they are asked again, milliseconds. */
const holdersMs = 2_000
/** How soon it is looked again whether this process is still at it. */
const hereMs = 50
/** What is put back because it was not begun waits so long, milliseconds. */
const notBegunMs = 500
const backoffMsMax = 300_000
/** How long the engine may take, when serving ends, to settle what is done and to give back the rest, milliseconds. */
const settleMs = 5_000
/** How soon the engine is asked again when it fails, milliseconds: twice as long each time, up to the second. */
const engineAgainMs = [50, 5_000] as const

/** What durable work needs of the dispatcher. */
export interface DurableParts {
  readonly channel: Channel
  readonly server: Server
  readonly queue: Queue
  readonly maxPayloadBytes: number
  readonly stacks: boolean
}

/** Asks whether any other peer that lives is, or may be, at a job. */
export type AskHolders = (token: string, withinMs: number) => Promise<boolean>

/** A service that takes from the queue. */
interface Post {
  readonly service: Service
  readonly taker: Promise<Taker>
  readonly duties: Set<Duty>
  /** What ends the wait of those that have not begun. */
  readonly waiting: Map<Delivery, () => void>
  isClosed: boolean
  emptied: () => void
}

/**
 * Work that outlives whoever asked for it: writes jobs to a queue engine, takes them from it for the services here,
 * and decides what becomes of them.
 *
 * A job is acknowledged after its handler, so it is done *at least* once: again when the peer that was at it dies
 * before it could say so. The engine keeps a job in the hands of its taker as long as that process lives. Where an
 * engine only *believes* that a taker is gone, because it has heard nothing of it, the peers are asked first: while one
 * that membership holds for alive is at the job, or does not say that it is not, nobody else begins it.
 */
export class Durable {
  readonly #parts: DurableParts
  readonly #posts = new Map<Service, Post>()
  /** Jobs that are run here, or will be next, by token. Bounded by the concurrency of the services. */
  readonly #atWork = new Set<string>()
  /** What became of what was enqueued from here. */
  readonly enqueued = new Outcomes()
  /** Of the dispatchers that were given the queue and have not stopped, how each asks others. */
  readonly askers = new Set<AskHolders>()
  /** Those who wait for an outcome, and for whom. */
  readonly #waiters = new Map<(why: Error) => void, unknown>()
  /** What ends the pauses. */
  readonly #pauses = new Set<() => void>()
  /** Nobody hears any more when the queue is over. */
  readonly #leave: () => void
  /** Whether the last dispatcher that was given the queue is stopping, or has. */
  isStopping = false
  #isOver = false

  constructor(parts: DurableParts) {
    this.#parts = parts
    this.#leave = parts.queue.use((why) => this.#end(why))
  }

  get engine(): Engine {
    return this.#parts.queue.engine
  }

  // ---- for those who ask

  async enqueue(name: string, input: unknown, options: EnqueueOptions): Promise<string> {
    const { engine } = this
    const { channel } = this.#parts
    if (!channel.isRunning) {
      throw new TelepathineError('ERR_STOPPED', `${channel.name} does not run: start() it and wait for ready()`)
    }
    nameBytes('name', name, 'ERR_KEY')
    const settings = enqueueSettings(options, engine.priorityMax)
    const trace = CallTrace.of(channel.name, name, 'enqueue')
    const add = (): Promise<string> => this.#add(name, input, settings, trace?.bytes)
    try {
      const token = await (trace === undefined ? add() : trace.follow(add))
      this.enqueued.add(name, undefined)
      return token
    } catch (error) {
      this.enqueued.add(name, error instanceof TelepathineError ? error.code : 'ERR_QUEUE')
      throw error
    }
  }

  async #add(
    name: string, input: unknown, settings: ReturnType<typeof enqueueSettings>, trace: Uint8Array | undefined,
  ): Promise<string> {
    const { engine } = this
    const { channel } = this.#parts
    const { key, delayMs, priority, attempts, backoffMs, expiresAt } = settings
    const given = this.#contentOf(input)
    const content = isLarge(given) ? await this.#putApart(given, false) : given
    const enqueuedAt = channel.clock.wall()
    const letter: Letter = { from: channel.name, key, attempts, backoffMs, expiresAt, enqueuedAt, trace, content }
    const token = key === undefined ? newToken(enqueuedAt) : tokenOf(name, key)
    const bytes = encodeLetter(letter)
    const isStored = await engine.add({ token, service: name, bytes, delayMs, priority, isKeyed: key !== undefined })
    // not if it failed: it may be stored all the same
    if (isStored === false) this.#dropBlob(content)
    return token
  }

  /** @param owner for whom it is, see {@link Durable.forsake} */
  async outcome(given: string, options: OutcomeOptions, owner: unknown): Promise<unknown> {
    const token = checkToken(given)
    const { timeoutMs, signal } = outcomeSettings(options)
    const { engine } = this
    const { channel } = this.#parts
    const { promise, resolve, reject } = deferred<Uint8Array>()
    const aborted = (): void => reject(new CallError('ERR_ABORTED', 'waiting was aborted', { cause: signal?.reason }))
    if (signal?.aborted === true) aborted()
    signal?.addEventListener('abort', aborted)
    const cancel = timeoutMs === Infinity
      ? () => undefined
      : channel.clock.after(Math.min(timeoutMs, 2 ** 31 - 1), () => {
          reject(new CallError('ERR_TIMEOUT', `no outcome of ${token} within ${timeoutMs} ms; the job goes on`))
        })
    const look = (known?: Uint8Array): void => {
      if (known === undefined) engine.outcome(token).then((found) => found && resolve(found), reject)
      else resolve(known)
    }
    let unwatch = (): void => undefined
    this.#waiters.set(reject, owner)
    try {
      // an early end must not leave the watch behind
      const watching = engine.watch(token, look)
      unwatch = () => void watching.then((end) => end(), () => undefined)
      watching.catch(reject)
      return await this.#read(await promise, token)
    } finally {
      this.#waiters.delete(reject)
      unwatch()
      cancel()
      signal?.removeEventListener('abort', aborted)
    }
  }

  /** Nobody waits for outcomes any more for that owner. */
  forsake(owner: unknown, why: string): void {
    for (const [reject, each] of this.#waiters) if (each === owner) reject(new TelepathineError('ERR_STOPPED', why))
  }

  async peek(given: string): Promise<Settled | undefined> {
    const token = checkToken(given)
    const written = await this.engine.outcome(token)
    if (written === undefined) return undefined
    return this.#read(written, token).then((value) => ({ value }), (error: Error) => ({ error }))
  }

  async queues(): Promise<QueueInfo[]> {
    const depths = await this.engine.depths()
    return depths
      .map(({ service, ...counts }) => ({ name: service, ...counts }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  async dead(name: string, options: DeadOptions): Promise<DeadJob[]> {
    nameBytes('name', name, 'ERR_KEY')
    const { limit, large } = deadSettings(options)
    const letters = await this.engine.dead(name, limit)
    return Promise.all(letters.map(async ({ token, bytes, outcome }) => {
      const letter = decodeLetter(bytes)
      const verdict = decodeVerdict(outcome)
      const isKnown = verdict?.isDone === false
      const isApart = letter?.content.blob !== undefined
      return {
        token,
        name,
        input: letter && (large || !isApart) ? await this.#open(letter.content).catch(unlessUnreadable) : undefined,
        isLarge: isApart,
        key: letter?.key,
        from: letter?.from ?? '',
        enqueuedAt: letter?.enqueuedAt ?? 0,
        attempts: verdict?.attempt ?? 0,
        error: isKnown ? errorOf(verdict) : new CallError('ERR_VALUE', 'its record cannot be read'),
      }
    }))
  }

  retry(token: string): Promise<boolean> {
    return this.engine.revive(checkToken(token))
  }

  async discard(token: string): Promise<boolean> {
    const discarded = await this.engine.discard(checkToken(token), encodeVerdict({
      isDone: false, peer: this.#parts.channel.name, attempt: 0, code: 'ERR_ABORTED', message: 'the job was discarded',
      record: undefined,
    }))
    const letter = discarded instanceof Uint8Array ? decodeLetter(discarded) : undefined
    if (letter !== undefined) this.#dropBlob(letter.content)
    return discarded !== false
  }

  // ---- for those who serve

  /** Takes jobs for a service, as many at a time as it runs. */
  serve(service: Service): void {
    const { engine } = this
    const { channel } = this.#parts
    if (this.#posts.has(service) || this.isStopping || this.#isOver) return
    const take = async (): Promise<Taker> => {
      if (post.isClosed) throw new TelepathineError('ERR_STOPPED', `${service.name} is no longer served here`)
      await engine.join(channel.name)
      return engine.take(service.name, service.settings.concurrency, (delivery) => void this.#take(post, delivery))
    }
    const post: Post = {
      service,
      // once there is one
      taker: Promise.resolve().then(() => this.#persist(take)),
      duties: new Set(),
      waiting: new Map(),
      isClosed: false,
      emptied: () => undefined,
    }
    post.taker.catch((error: unknown) => log('%s: %O', service.name, error))
    this.#posts.set(service, post)
  }

  /**
   * Takes no more for a service; what runs has `graceMs` to finish, and is given back then. An engine that does not
   * answer is not waited for longer than {@link settleMs} beyond that.
   */
  async withdraw(service: Service, graceMs: number): Promise<void> {
    const post = this.#posts.get(service)
    if (post === undefined) return
    this.#posts.delete(service)
    const { clock } = this.#parts.channel
    const graceEndsAt = clock.now() + graceMs
    const endsAt = graceEndsAt + settleMs
    const waiting = this.#close(post)
    // what is still delivered is put back
    await this.#within(settleMs, [post.taker.then((taker) => taker.stop())])
    const released = waiting.map((delivery) =>
      this.#release(delivery, false).finally(() => this.#atWork.delete(delivery.token)))
    if (post.duties.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(Math.min(Math.max(0, graceEndsAt - clock.now()), 2 ** 31 - 1), resolve)
        post.emptied = () => {
          cancel()
          resolve()
        }
      })
    }
    await this.#within(Math.max(0, endsAt - clock.now()), [...released, ...this.#dismiss(post)])
  }

  /** Nothing is begun for it any more; gives those that have not begun. */
  #close(post: Post): Delivery[] {
    post.isClosed = true
    const waiting = [...post.waiting]
    post.waiting.clear()
    for (const [, leave] of waiting) leave()
    // its taker is not to be made any more
    this.#wake()
    return waiting.map(([delivery]) => delivery)
  }

  /** The peer stops: what runs is given back at once. */
  stopping(): void {
    for (const service of this.#posts.keys()) void this.withdraw(service, 0)
  }

  /** Membership says that a peer is dead. */
  lost(peer: string): void {
    this.engine.lost(peer)
  }

  /** Whether a job is run here, or will be next. */
  isAtWork(token: string): boolean {
    return this.#atWork.has(token)
  }

  /** Ends all, for good. */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true
    await Promise.all([...this.#posts.keys()].map((service) => this.withdraw(service, graceMs)))
    this.#end(new TelepathineError('ERR_STOPPED', 'the queue is not used here any more; its dispatcher was stopped'))
  }

  /** Nothing can be done about the jobs that are held here any more: others may begin them. */
  #end(why: TelepathineError): void {
    this.#isOver = true
    this.#leave()
    for (const reject of this.#waiters.keys()) reject(why)
    for (const post of this.#posts.values()) {
      this.#close(post)
      for (const duty of post.duties) duty.abort(why.message)
    }
    this.#atWork.clear()
    this.#wake()
  }

  // ---- a job's way

  // what is at hand is not waited for: of thousands of jobs a second, each promise counts

  async #take(post: Post, delivery: Delivery): Promise<void> {
    try {
      const letter = decodeLetter(delivery.bytes)
      if (letter === undefined) {
        await this.#fail(delivery, undefined, this.#failure(delivery, 'ERR_VALUE', 'the job cannot be read'), true)
      } else if (!delivery.isDoubtful || await this.#isFree(post, delivery)) {
        const judged = this.#judge(post, delivery, letter)
        if (judged !== undefined) await judged
      }
    } catch (error) {
      log('%s %s: %O', delivery.service, delivery.token, error)
      void this.#release(delivery, false)
    }
  }

  /** Whether nobody else is at it. If it is done already, or nobody wants to know any more, it is settled here. */
  async #isFree(post: Post, delivery: Delivery): Promise<boolean> {
    const { engine } = this
    const { token } = delivery
    for (;;) {
      // in this order: whoever was at it has stored the outcome before it says that it is not
      const isHere = this.#atWork.has(token)
      if (!isHere && !(await this.#isHeld(token))) {
        const known = await this.#persist(() => engine.outcome(token))
        if (known === undefined) return this.#persist(() => engine.isCurrent(delivery))
        await this.#persist(() => engine.finish(delivery, known))
        return false
      }
      if (post.isClosed) {
        await this.#giveBack(delivery, notBegunMs, false)
        return false
      }
      await this.#pause(isHere ? hereMs : holdersMs)
    }
  }

  async #isHeld(token: string): Promise<boolean> {
    const [ask] = this.askers
    return ask === undefined || ask(token, holdersMs)
  }

  /** Begins it as soon as there is room; or settles why not. */
  #judge(post: Post, delivery: Delivery, letter: Letter): Promise<void> | undefined {
    const { attempt } = delivery
    if (this.#isExpired(letter)) return this.#expire(delivery, letter)
    if (attempt > letter.attempts) {
      const message = `its worker was lost each time, ${letter.attempts} in all`
      return this.#fail(delivery, letter, this.#failure(delivery, 'ERR_PEER_LOST', message), true)
    }
    // later, so that others are not outrun by whatever delivers it here
    if (post.isClosed) return this.#giveBack(delivery, notBegunMs, false)
    const { server } = this.#parts
    // whoever asks is told from now on
    this.#atWork.add(delivery.token)
    let isNow = false
    const leave = server.turn(post.service, () => {
      isNow = true
      post.waiting.delete(delivery)
      void this.#run(post, delivery, letter)
    })
    if (!isNow) post.waiting.set(delivery, leave)
    return undefined
  }

  async #run(post: Post, delivery: Delivery, letter: Letter): Promise<void> {
    const duty = new Duty(delivery, letter)
    post.duties.add(duty)
    try {
      const step = await this.#perform(post, duty, letter)
      duty.isServed = true
      if (!duty.isOver) await (duty.settling = step())
    } catch (error) {
      log('%s %s: %O', delivery.service, delivery.token, error)
      // it would be held for ever
      if (!duty.isOver && !isEngines(error)) await this.#giveUp(delivery)
    } finally {
      duty.isServed = true
      this.#atWork.delete(delivery.token)
      post.duties.delete(duty)
      this.#parts.server.turned(post.service)
      if (post.duties.size === 0) post.emptied()
    }
  }

  /** Runs the handler; gives what is to be done about what came of it. */
  async #perform({ service }: Post, duty: Duty, letter: Letter): Promise<() => Promise<void>> {
    const { delivery } = duty
    // it may have waited for its turn
    if (this.#isExpired(letter)) return () => this.#expire(delivery, letter)
    try {
      const { content: { blob } } = letter
      const input = blob === undefined
        ? decodeContent(letter.content, undefined)
        : await this.#persist(() => this.#open(letter.content))
      if (duty.isOver) return async () => undefined
      const value = await this.#handle(service, input, duty, letter)
      duty.isServed = true
      const result = this.#contentOf(value === undefined ? duty.lastChunk : value)
      const content = isLarge(result) ? await this.#persist(() => this.#putApart(result, true)) : result
      const { attempt } = delivery
      const verdict = { isDone: true, peer: this.#parts.channel.name, attempt, content } as const
      return () => this.#settle(delivery, letter, verdict)
    } catch (thrown) {
      duty.isServed = true
      const refusal = refusalBy(thrown)
      if (refusal === Refusal.draining) return () => this.#giveBack(delivery, notBegunMs, false)
      if (refusal === Refusal.denied) {
        const message = `${service.name} refuses it: ${recordOf(thrown, false).message}`
        return () => this.#fail(delivery, letter, this.#failure(delivery, 'ERR_DENIED', message), true)
      }
      const record = recordOf(thrown, this.#parts.stacks)
      const verdict = { ...this.#failure(delivery, 'ERR_HANDLER', record.message), record }
      return () => this.#fail(delivery, letter, verdict, false)
    }
  }

  /** Runs the handler, watched if somebody wants to, and counted. */
  async #handle({ name, handler }: Service, input: unknown, duty: Duty, letter: Letter): Promise<unknown> {
    const { channel, server } = this.#parts
    const watch = ServeTrace.of(channel.name, name, letter.from, 'enqueue', duty.attempt, letter.trace)
    const handle = (): unknown => serving(duty, () => handler(input as never, duty))
    const beganAt = channel.clock.now()
    const ended = (code: ErrorCode | undefined, thrown: unknown): void => {
      server.outcomes?.add(name, code, channel.clock.now() - beganAt)
      watch?.ended(thrown)
    }
    try {
      let value = watch === undefined ? handle() : watch.run(handle)
      if (isThenable(value)) value = await value
      const iterator = iteratorOf(value)
      if (iterator !== undefined) {
        const emit = (): Promise<unknown> => serving(duty, () => emitAll(duty, iterator))
        value = await (watch === undefined ? emit() : watch.goOn(emit))
      }
      ended(undefined, undefined)
      return value
    } catch (thrown) {
      const refusal = refusalBy(thrown)
      ended(refusal === undefined ? 'ERR_HANDLER' : refusalCode(refusal), thrown ?? 'nothing')
      throw thrown
    }
  }

  #isExpired({ expiresAt }: Letter): boolean {
    return expiresAt <= this.#parts.channel.clock.wall()
  }

  #expire(delivery: Delivery, letter: Letter): Promise<void> {
    const verdict = this.#failure(delivery, 'ERR_TIMEOUT', 'its time was over before it was begun')
    return this.#settle(delivery, letter, verdict)
  }

  /** It has its outcome. */
  #settle(delivery: Delivery, letter: Letter, verdict: Verdict): Promise<void> {
    const { engine } = this
    const settled = this.#persist(() => engine.finish(delivery, encodeVerdict(verdict)))
    return letter.content.blob === undefined ? settled : settled.then(() => this.#dropBlob(letter.content))
  }

  /** It is tried again, or given up. */
  async #fail(
    delivery: Delivery, letter: Letter | undefined, verdict: Verdict & { isDone: false }, isFinal: boolean,
  ): Promise<void> {
    const { engine } = this
    const { channel } = this.#parts
    if (isFinal || letter === undefined || delivery.attempt >= letter.attempts) {
      return this.#persist(() => engine.bury(delivery, encodeVerdict(verdict)))
    }
    const backoffMs = Math.min(letter.backoffMs * 2 ** (delivery.attempt - 1), backoffMsMax)
    await this.#giveBack(delivery, Math.round(backoffMs * (0.5 + channel.random.unit() / 2)), true)
  }

  /** What came of it cannot be stored, not because of the engine. */
  async #giveUp(delivery: Delivery): Promise<void> {
    const verdict = this.#failure(delivery, 'ERR_HANDLER', 'what came of it cannot be stored')
    await this.#fail(delivery, undefined, verdict, true).catch((error: unknown) => log('%O', error))
  }

  #giveBack(delivery: Delivery, delayMs: number, isCounted: boolean): Promise<void> {
    return this.#persist(() => this.engine.putBack(delivery, delayMs, isCounted))
  }

  /** Gives back what is not done here any more. If the engine fails, it does so itself when it is closed. */
  async #release(delivery: Delivery, isCounted: boolean): Promise<void> {
    try {
      await this.#giveBack(delivery, 0, isCounted)
    } catch (error) {
      log('%s %s: %O', delivery.service, delivery.token, error)
    }
  }

  /** Gives back all that still runs; what is done is on its way to be settled. */
  #dismiss(post: Post): Promise<void>[] {
    const duties = [...post.duties]
    const running = duties.filter(({ isServed }) => !isServed)
    for (const duty of running) duty.abort(`${post.service.name} is no longer served here`)
    const steps = duties.flatMap(({ settling }) => settling ?? [])
    return [...steps, ...running.map(({ delivery }) => this.#release(delivery, true))]
  }

  /** Resolves when all have been settled, however, or it has taken so long. */
  #within(ms: number, steps: readonly Promise<void>[]): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.channel.clock.after(Math.min(ms, 2 ** 31 - 1), resolve)
      void Promise.allSettled(steps).then(() => {
        cancel()
        resolve()
      })
    })
  }

  #failure(delivery: Delivery, code: 'ERR_VALUE' | 'ERR_TIMEOUT' | 'ERR_PEER_LOST' | 'ERR_DENIED' | 'ERR_HANDLER',
    message: string): Verdict & { isDone: false } {
    const attempt = Math.max(0, delivery.attempt - (code === 'ERR_HANDLER' || code === 'ERR_DENIED' ? 0 : 1))
    return { isDone: false, peer: this.#parts.channel.name, attempt, code, message, record: undefined }
  }

  // ---- values

  /** A value in the form that is stored, unless it is large. */
  #contentOf(value: unknown): Content {
    const form = formOf(value)
    return { form, bytes: ownBytes(encodePayload(value, form, this.#parts.maxPayloadBytes)), blob: undefined }
  }

  /** Stores a large value; gives what refers to it. */
  async #putApart({ form, bytes }: Content, fades: boolean): Promise<Content> {
    const blob = newToken(this.#parts.channel.clock.wall())
    await this.engine.putBlob(blob, bytes, fades)
    return { form, bytes: new Uint8Array(0), blob }
  }

  /** Nothing refers to it any more. */
  #dropBlob({ blob }: Content): void {
    if (blob === undefined) return
    this.#persist(() => this.engine.dropBlob(blob)).catch((error: unknown) => log('%O', error))
  }

  async #open(content: Content): Promise<unknown> {
    if (content.blob === undefined) return decodeContent(content, undefined)
    const bytes = await this.engine.blob(content.blob)
    if (bytes === undefined) throw new TelepathineError('ERR_VALUE', 'a part of the job is gone')
    return decodeContent(content, bytes)
  }

  async #read(written: Uint8Array, token: string): Promise<unknown> {
    const verdict = decodeVerdict(written)
    if (verdict === undefined) throw new CallError('ERR_VALUE', `the outcome of ${token} cannot be read`)
    if (!verdict.isDone) throw errorOf(verdict)
    return this.#open(verdict.content)
  }

  // ---- the engine

  /** Does something that must be done, as often as it takes. */
  async #persist<T>(act: () => Promise<T>): Promise<T> {
    for (let waitMs: number = engineAgainMs[0]; ; waitMs = Math.min(2 * waitMs, engineAgainMs[1])) {
      try {
        return await act()
      } catch (error) {
        if (this.isStopping || this.#isOver || !isEngines(error)) throw error
        log('queue: %s', error.message)
      }
      await this.#pause(waitMs)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.#parts.channel.clock.after(ms, end)
      this.#pauses.add(end)
    })
  }

  /** Whoever pauses goes on at once: things are not as they were. */
  #wake(): void {
    for (const end of this.#pauses) end()
  }
}

/** Whatever cannot be read is nothing; but if the engine failed, that is to be known. */
function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof TelepathineError) || error.code !== 'ERR_VALUE') throw error
}

/** Whether it is the engine that failed. */
function isEngines(error: unknown): error is TelepathineError {
  return error instanceof TelepathineError && error.code === 'ERR_QUEUE'
}

function isLarge({ bytes }: Content): boolean {
  return bytes.length > inlineBytesMax
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
