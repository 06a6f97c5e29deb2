import { type NCAgent, type NCConfig, type NCPacket, readConfig } from '../../netcluster/index.js'

const answerMs = 10_000

/** What can be typed, by name: what the values are, and what is done. */
type Functions = Readonly<Record<string, { readonly usage: string; readonly run: (...values: unknown[]) => unknown }>>

/** The functions of the shell: each asks the server over the channel `control`. */
export class Requests {
  readonly #agent: NCAgent
  readonly functions: Functions = {
    showconfig: { usage: 'showconfig()', run: () => this.#ask('showconfig', '') },
    reloadconfig: { usage: `reloadconfig('/path/to/config.json')`, run: path => this.#reload(path) },
    reloaconfig: { usage: `reloaconfig('/path/to/config.json')`, run: path => this.#reload(path) },
    showchannel: { usage: `showchannel('A')`, run: channel => this.#ask('showchannel', channel) },
    showclient: {
      usage: `showclient('A', 'uuid')`,
      run: (channel, client) => this.#ask('showclient', { channel, client }),
    },
    emit: { usage: `nc.emit('event', data)`, run: (event, data) => this.#agent.emit(event as string, data) },
  }

  constructor(agent: NCAgent) {
    this.#agent = agent
  }

  /** What stands for `nc`. */
  get agent(): object {
    return { channel: this.#agent.channel, uuid: this.#agent.uuid }
  }

  /** Names of the server's channels. */
  async channels(): Promise<string[]> {
    const config = (await this.#ask('showconfig', '')) as NCConfig
    return Object.keys(config.channels)
  }

  async #reload(path: unknown): Promise<unknown> {
    if (typeof path !== 'string') throw new Error(`a path is needed: reloadconfig('/path/to/config.json')`)
    return this.#ask('reloadconfig', await readConfig(path))
  }

  /** Emits a request and waits for its answer, which come in the order of the requests. */
  async #ask(request: string, data: unknown): Promise<unknown> {
    if (this.#agent.uuid === undefined) throw new Error(`${request}: the server is away; try again once it is back`)
    const event = `nc-control-${request}`
    const answer = await new Promise<unknown>((resolve, reject) => {
      const heard = (packet: NCPacket): void => {
        clearTimeout(timer)
        resolve(packet.data)
      }
      const timer = setTimeout(() => {
        this.#agent.removeListener(`${event}-response`, heard)
        reject(new Error(`${request}: no answer within ${answerMs / 1_000} s; is startcontrol set?`))
      }, answerMs)
      this.#agent.once(`${event}-response`, heard)
      this.#agent.emit(event, data)
    })
    const { error } = Object(answer) as { error?: unknown }
    if (typeof error === 'string') throw new Error(error)
    return answer
  }
}
