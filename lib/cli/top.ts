import type { Command } from 'commander'
import { Mirror } from '../http/live/mirror.js'
import type { Happening, LiveMessage } from '../http/live/protocol.js'
import type { PeerAddress } from './shared/arguments.js'
import { type AskOptions, asking, examples } from './shared/ask.js'
import { print, printJSON } from './shared/output.js'
import { Feed } from './top/feed.js'
import { compose } from './top/screen.js'
import { draw, type Span } from './top/style.js'
import { type Key, Terminal } from './top/terminal.js'

interface TopOptions extends AskOptions {
  readonly once?: boolean
}

/** Happenings that are kept to be shown. */
const happeningsMax = 500
/** Before it is tried again to reach a peer that was lost. */
const retryMs = 1_000
/** Ages grow although nothing happens. */
const redrawMs = 1_000
/** What a line is cut to where there is no terminal. */
const columnsMax = 10_000

/** Adds the command `top`: the cluster at a glance, live. */
export function top(program: Command): void {
  asking(program, 'top')
    .description('watch a cluster, as a peer sees it, until q or Ctrl-C')
    .option('--once', 'print it once, and end; so it is without a terminal')
    .option('--json', 'print it once, as JSON')
    .addHelpText('after', '\nKeys: q quits, the space bar pauses, arrows and page keys scroll the peers.')
    .addHelpText('after', examples('top :1111', 'top :1111 --once', 'top :1111 --json'))
    .action((address: PeerAddress, options: TopOptions) => {
      const { stdin, stdout } = process
      if (options.once || options.json || !stdout.isTTY) return once(address, options)
      return new Top(address, options.token, !process.env['NO_COLOR'], stdin, stdout).run()
    })
}

async function once(address: PeerAddress, { token, json }: TopOptions): Promise<void> {
  const mirror = await new Promise<Mirror>((resolve, reject) => {
    const feed = new Feed(address, token, {
      message: (message) => {
        const seen = new Mirror()
        seen.apply(message)
        feed.close()
        resolve(seen)
      },
      ended: reject,
    })
  })
  if (json) return printJSON(asJSON(mirror))
  const hasColours = process.stdout.isTTY && !process.env['NO_COLOR']
  const scene = { mirror, happenings: undefined, note: { text: '' }, scrolled: 0 }
  const columns = process.stdout.isTTY ? process.stdout.columns : columnsMax
  for (const line of compose(scene, Infinity)) print(draw(line, columns, hasColours))
}

function asJSON({ at, self, peers, rumours, workers, apps, history }: Mirror): object {
  const rows = (of: ReadonlyMap<string, object>): object[] => [...of.values()]
  return { at, self, peers: rows(peers), rumours: rows(rumours), workers: rows(workers), apps: rows(apps), history }
}

/** The live view. */
class Top {
  readonly #address: PeerAddress
  readonly #token: string | undefined
  readonly #terminal: Terminal
  readonly #mirror = new Mirror()
  #happenings: Happening[] = []
  #feed: Feed | undefined
  #note: Span = { text: 'connecting', look: 'warn' }
  #isPaused = false
  #scrolled = 0
  #retry: NodeJS.Timeout | undefined
  #end: (error?: Error) => void = () => undefined

  constructor(
    address: PeerAddress, token: string | undefined, hasColours: boolean, input: NodeJS.ReadStream,
    output: NodeJS.WriteStream,
  ) {
    this.#address = address
    this.#token = token
    this.#terminal = new Terminal(input, output, hasColours, {
      key: (key) => this.#pressed(key),
      resized: () => this.#draw(),
    })
  }

  /** Resolves when whoever looks has seen enough; rejects when there was nothing to see from the start. */
  async run(): Promise<void> {
    const ended = new Promise<void>((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error))
    })
    const quit = (): void => this.#end()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, quit)
    this.#connect()
    const timer = setInterval(() => this.#isPaused || this.#draw(), redrawMs)
    try {
      await ended
    } finally {
      clearInterval(timer)
      clearTimeout(this.#retry)
      this.#feed?.close()
      this.#terminal.close()
    }
  }

  #connect(): void {
    this.#feed = new Feed(this.#address, this.#token, {
      message: (message) => this.#take(message),
      ended: (error) => this.#lost(error),
    })
  }

  #take(message: LiveMessage): void {
    const isFirst = this.#mirror.self === undefined
    this.#mirror.apply(message)
    if (message.type === 'snapshot') this.#note = { text: 'live', look: 'good' }
    else this.#happenings = [...this.#happenings, ...(message.stream ?? [])].slice(-happeningsMax)
    // not before there is something to show: an error stands better on the usual screen
    if (isFirst) this.#terminal.open()
    if (!this.#isPaused) this.#draw()
  }

  #lost(error: Error): void {
    if (this.#mirror.self === undefined) return this.#end(error)
    this.#note = { text: `lost: ${error.message}; trying again`, look: 'bad' }
    this.#draw()
    this.#retry = setTimeout(() => this.#connect(), retryMs)
  }

  #pressed(key: Key): void {
    const page = Math.max(1, Math.floor(this.#terminal.rows / 3))
    const steps = { up: -1, down: 1, pageUp: -page, pageDown: page, top: -Infinity }
    if (key === 'quit') return this.#end()
    if (key === 'pause') this.#isPaused = !this.#isPaused
    else this.#scrolled = Math.max(0, Math.min(this.#mirror.peers.size - 1, this.#scrolled + steps[key]))
    this.#draw()
  }

  #draw(): void {
    const note: Span = this.#isPaused ? { text: 'paused; the space bar goes on', look: 'warn' } : this.#note
    const scene = { mirror: this.#mirror, happenings: this.#happenings, note, scrolled: this.#scrolled }
    this.#terminal.show(compose(scene, this.#terminal.rows))
  }
}
