import { connect, type Socket } from 'node:net'
import { Packr } from 'msgpackr'
import { start, type Server } from './servers.js'
import { freePorts } from './peers.js'
import { now } from './time.js'

/** A serf agent that runs, and the line to it. */
export interface SerfAgent {
  readonly name: string
  readonly pid: number
  /** Joins the cluster of another. */
  join(seed: string): Promise<void>
  /** How many members it holds for alive. */
  alive(): Promise<number>
  /** Whether it holds this member for failed. */
  failed(name: string): Promise<boolean>
  /** Sends a user event; when. */
  say(name: string, payload: string): Promise<number>
  /** When the user event that `say` named last was heard; 0: not yet. */
  heard(name: string): number
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void
  end(): Promise<void>
}

const packr = new Packr({ useRecords: false, mapsAsObjects: true })

/** An answer of serf's RPC: a head, and for some commands a body behind it. */
interface Head { Seq: number; Error: string }

/** A line to an agent: MessagePack objects end to end, questions numbered (serf's "RPC protocol", version 1). */
class Line {
  readonly #socket: Socket
  readonly #waiting = new Map<number, { hasBody: boolean; isStream: boolean; resolve(body: unknown): void }>()
  #seq = 0
  #rest: Buffer = Buffer.alloc(0)
  #head: Head | undefined

  private constructor(socket: Socket) {
    this.#socket = socket.setNoDelay().on('data', (bytes: Buffer) => this.#read(bytes)).on('error', () => {})
  }

  static async open(port: number): Promise<Line> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const opened = connect(port, '127.0.0.1', () => resolve(opened)).once('error', reject)
    })
    const line = new Line(socket)
    await line.ask('handshake', { Version: 1 }, false)
    return line
  }

  ask(command: string, body: object | undefined, hasBody: boolean): Promise<unknown> {
    return new Promise(resolve => this.#send(command, body, { hasBody, isStream: false, resolve }))
  }

  /** Asks for what will come from now on. */
  stream(type: string, each: (record: unknown) => void): Promise<void> {
    return new Promise(resolve => {
      // the first answer says only that it has begun
      let hasBegun = false
      const on = { hasBody: false, isStream: true, resolve: (record: unknown) => {
        if (hasBegun) each(record)
        else resolve()
        hasBegun = true
        on.hasBody = true
      } }
      this.#send('stream', { Type: type }, on)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #send(
    command: string, body: object | undefined,
    waiting: { hasBody: boolean; isStream: boolean; resolve(body: unknown): void },
  ): void {
    const Seq = ++this.#seq
    this.#waiting.set(Seq, waiting)
    const parts = [packr.pack({ Command: command, Seq })]
    if (body !== undefined) parts.push(packr.pack(body))
    this.#socket.write(Buffer.concat(parts))
  }

  #read(bytes: Buffer): void {
    const source = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const { values, end } = whole(source)
    this.#rest = source.subarray(end)
    for (const value of values) this.#take(value)
  }

  #take(value: unknown): void {
    if (this.#head !== undefined) {
      const { Seq } = this.#head
      this.#head = undefined
      this.#settle(Seq, value)
      return
    }
    const head = value as Head
    if (head.Error !== '') throw new Error(`serf: ${head.Error}`)
    if (this.#waiting.get(head.Seq)?.hasBody === true) this.#head = head
    else this.#settle(head.Seq, undefined)
  }

  #settle(seq: number, body: unknown): void {
    const waiting = this.#waiting.get(seq)
    if (waiting?.isStream === false) this.#waiting.delete(seq)
    waiting?.resolve(body)
  }
}

/** The objects that are there as a whole, and where they end. */
function whole(source: Buffer): { values: unknown[]; end: number } {
  const values: unknown[] = []
  try {
    packr.unpackMultiple(source, (value: unknown) => void values.push(value))
    return { values, end: source.length }
  } catch (error) {
    // the last one is not whole yet: msgpackr says where it begins
    const { lastPosition } = error as { lastPosition?: number }
    if (lastPosition === undefined) throw error
    return { values, end: lastPosition }
  }
}

/** Starts so many agents that know nothing of each other yet. */
export async function startSerfs(count: number): Promise<SerfAgent[]> {
  const ports = await freePorts(2 * count)
  return Promise.all(Array.from({ length: count }, (_, i) => startSerf(ports[2 * i] ?? 0, ports[2 * i + 1] ?? 0)))
}

async function startSerf(port: number, rpc: number): Promise<SerfAgent> {
  const name = `127.0.0.1:${port}`
  const heard = new Map<string, number>()
  const server: Server = await start('serf', rpc, () => [
    'agent', '-node', name, '-bind', name, '-rpc-addr', `127.0.0.1:${rpc}`, '-log-level', 'err',
  ])
  const line = await Line.open(rpc)
  await line.stream('user', record => void heard.set((record as { Name: string }).Name, now()))
  return {
    name,
    pid: server.pid,
    async join(seed) {
      await line.ask('join', { Existing: [seed], Replay: false }, true)
    },
    alive: async () => {
      const stats = await line.ask('stats', undefined, true) as { serf: Record<string, string> }
      return Number(stats.serf['members']) - Number(stats.serf['failed']) - Number(stats.serf['left'])
    },
    async failed(member) {
      const answer = await line.ask('members-filtered', { Name: member, Status: 'failed' }, true)
      return (answer as { Members: unknown[] | null }).Members?.length === 1
    },
    async say(event, payload) {
      const at = now()
      await line.ask('event', { Name: event, Payload: payload, Coalesce: false }, false)
      return at
    },
    heard: event => heard.get(event) ?? 0,
    signal: signal => server.signal(signal),
    async end() {
      line.close()
      await server.end()
    },
  }
}
