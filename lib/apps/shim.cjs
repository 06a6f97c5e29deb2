// @ts-check
/**
 * Loaded into an app's process before the app itself (`node --require`). The app is a program that takes messages with
 * `process.on('message')` and answers with `process.send()`, and nothing in either says which answer is to which
 * message. So each message is handed to the app in an asynchronous context of its own, and what it sends from there, however
 * much later, is an answer to that message. What it sends from anywhere else is news of its own accord.
 *
 * For programs that know of it: `process.send.end(value?)` says that no more answers follow to the message at hand, and
 * `process.send.signal` aborts when nobody wants them any more.
 */
'use strict'

const { AsyncLocalStorage } = require('node:async_hooks')

/**
 * @typedef {{ id: number, streams: boolean, gone: AbortController }} Task
 * @typedef {{ $telepathine: 'task', id: number, streams: boolean, input: unknown }
 *   | { $telepathine: 'cancel', id: number }
 *   | { $telepathine: 'forget', id: number }} Order
 */

/** How long the app may take to end when its peer has gone or has told it to. */
const endMs = 2_000

// processes that the app forks have a parent of their own: the app, which knows nothing of us
process.execArgv.splice(0, 2)

if (process.send) install(process.send.bind(process))

/** @param {(...values: any[]) => boolean} sendRaw */
function install(sendRaw) {
  /** @type {AsyncLocalStorage<Task>} */
  const current = new AsyncLocalStorage()
  /** Tasks that may still be answered, or cancelled. @type {Map<number, Task>} */
  const tasks = new Map()
  const emit = process.emit
  /** The error that was told of last. @type {unknown} */
  let told

  /** @param {any} name @param {any[]} values */
  process.emit = function emitWithin(name, ...values) {
    if (name === 'message' && isOrder(values[0])) return follow(values[0], values[1])
    const heard = Reflect.apply(emit, process, [name, ...values])
    if (name === 'disconnect') end()
    return heard
  }

  // The peer counts the app as up once it listens. This adds no listener that would keep the app alive.
  process.on('newListener', (name) => {
    if (name === 'message') tell({ $telepathine: 'ready' })
  })
  process.on('uncaughtExceptionMonitor', (error) => blame(current.getStore(), error))

  process.send = Object.defineProperties(send, {
    end: { value: (/** @type {unknown} */ value) => finish(value) },
    signal: { get: () => current.getStore()?.gone.signal },
  })

  /** @param {Order} order @param {unknown} handle */
  function follow(order, handle) {
    if (order.$telepathine === 'forget') return tasks.delete(order.id)
    if (order.$telepathine === 'cancel') {
      const cancelled = tasks.get(order.id)
      tasks.delete(order.id)
      cancelled?.gone.abort()
      // also tells that the app is not stuck in a loop
      return tell({ $telepathine: 'dropped', id: order.id })
    }
    const task = { id: order.id, streams: order.streams, gone: new AbortController() }
    tasks.set(task.id, task)
    return current.run(task, () => {
      try {
        return Reflect.apply(emit, process, ['message', order.input, handle])
      } catch (error) {
        blame(task, error)
        throw error
      }
    })
  }

  /** @param {any} message @param {any[]} rest */
  function send(message, ...rest) {
    // the original says best what is wrong with nothing at all
    if (message === undefined) return sendRaw(message, ...rest)
    const task = current.getStore()
    if (!task) return sendRaw({ $telepathine: 'news', value: message }, ...rest)
    if (!tasks.has(task.id)) return called(rest)
    if (!task.streams) tasks.delete(task.id)
    return sendRaw({ $telepathine: 'answer', id: task.id, value: message }, ...rest)
  }

  /** @param {unknown} value */
  function finish(value) {
    const task = current.getStore()
    if (task && tasks.delete(task.id)) tell({ $telepathine: 'end', id: task.id, value })
  }

  /** Nobody waits for it: dropped, as if it had gone out. @param {any[]} rest */
  function called(rest) {
    const callback = rest.at(-1)
    if (typeof callback === 'function') setImmediate(() => callback(null))
    return true
  }

  /** @param {Task | undefined} task @param {unknown} error */
  function blame(task, error) {
    // thrown out of the handler it comes by a second time, when its task is not known any more
    if (error === told) return
    told = error
    const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
    tell({ $telepathine: 'threw', id: task?.id, name, message })
  }

  /** @param {object} message */
  function tell(message) {
    if (process.connected) sendRaw(message, undefined, {}, () => undefined)
  }
}

/** The peer has gone, or wants us to: nobody is left behind, the processes that the app started neither. */
function end() {
  if (process.platform === 'win32') return process.exit()
  setTimeout(() => process.kill(-process.pid, 'SIGKILL'), endMs)
  return process.kill(-process.pid, 'SIGTERM')
}

/** @param {unknown} message @returns {message is Order} */
function isOrder(message) {
  return typeof message === 'object' && message !== null && '$telepathine' in message
}
