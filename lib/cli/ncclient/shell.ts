import { createInterface } from 'node:readline'
import { parseCall } from './call.js'
import type { History } from './history.js'
import type { Requests } from './requests.js'

const prompt = 'NC-#: '
const dotCommands = ['.lc', '.help', '.exit']

/**
 * Reads lines and answers them, one after the other. What is typed reaches the functions of {@link Requests} and
 * nothing else: it is parsed, not evaluated.
 */
export class Shell {
  readonly #requests: Requests
  readonly #input: NodeJS.ReadableStream
  readonly #output: NodeJS.WritableStream
  readonly #errors: NodeJS.WritableStream
  /** Given for a terminal. */
  readonly #history: History | undefined

  constructor(
    requests: Requests,
    input: NodeJS.ReadableStream,
    output: NodeJS.WritableStream,
    errors: NodeJS.WritableStream,
    history: History | undefined,
  ) {
    this.#requests = requests
    this.#input = input
    this.#output = output
    this.#errors = errors
    this.#history = history
  }

  /** Until the input ends, or `.exit`. Says whether anything failed. */
  async run(): Promise<boolean> {
    const history = this.#history
    const lines = createInterface({
      input: this.#input,
      prompt,
      terminal: history !== undefined,
      ...(history === undefined ? {} : { output: this.#output, history: history.lines }),
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void this.complete(line).then(result => done(null, result))
      },
    })
    lines.on('history', (kept: string[]) => history && (history.lines = kept))
    let failed = false
    if (history) lines.prompt()
    for await (const line of lines) {
      if (line.trim() === '.exit') break
      failed = !(await this.#answer(line.trim())) || failed
      if (history) lines.prompt()
    }
    lines.close()
    await history?.save()
    return failed
  }

  /** What can stand for the end of a line, and that end. */
  async complete(line: string): Promise<[string[], string]> {
    const [, channel] = /^(?:nc\.)?show(?:channel|client)\(['"]([^'"]*)$/.exec(line) ?? []
    if (channel !== undefined) {
      const names = await this.#requests.channels().catch(() => [])
      return [names.filter(name => name.startsWith(channel)), channel]
    }
    const names = ['nc', ...this.#names.flatMap(name => [`${name}(`, `nc.${name}(`]), ...dotCommands]
    return [names.filter(name => name.startsWith(line)), line]
  }

  get #names(): string[] {
    return Object.keys(this.#requests.functions)
  }

  async #answer(line: string): Promise<boolean> {
    try {
      if (line === '') return true
      const answer = line.startsWith('.') ? this.#command(line) : await this.#call(line)
      this.#output.write(typeof answer === 'string' ? `${answer}\n` : `${JSON.stringify(answer, null, 2)}\n`)
      return true
    } catch (error) {
      this.#errors.write(`${error instanceof Error ? error.message : String(error)}\n`)
      return false
    }
  }

  #command(line: string): string {
    if (line === '.lc') return ['nc', ...this.#names].map(name => ` - ${name}`).join('\n')
    if (line === '.help') {
      const usages = Object.values(this.#requests.functions).map(({ usage }) => usage)
      return [...usages, '.lc    what there is', '.exit  ends this shell'].join('\n')
    }
    throw new Error(`${line}: there are ${dotCommands.join(', ')}`)
  }

  async #call(line: string): Promise<unknown> {
    const { name, values } = parseCall(line)
    if (name === 'nc' && values === undefined) return this.#requests.agent
    const found = this.#names.includes(name) ? this.#requests.functions[name] : undefined
    if (found === undefined) throw new Error(`${name}: there is nc, ${this.#names.join(', ')}`)
    return values === undefined ? `a function: ${found.usage}` : found.run(...values)
  }
}
