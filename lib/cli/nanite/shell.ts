import { start, type REPLServer } from 'node:repl'
import { inspect } from 'node:util'
import type { Mapper } from '../../nanite/index.js'
import { plain } from '../shared/output.js'
import { fromRuby } from './ruby.js'

/** Where a shell reads and writes. */
export interface ShellStreams {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WritableStream
  /** Whether a person sits there. */
  readonly isTerminal: boolean
  /** File where lines are kept for the next time; for a terminal. */
  readonly history: string
}

type Completer = (line: string, done: (error: Error | null, found?: [string[], string]) => void) => void

/** What Node's types do not let one change. */
interface Changeable {
  eval: REPLServer['eval']
  completer: Completer
}

/**
 * JavaScript with a mapper at hand: `Nanite.request('/mock/list', (res) => p(res))`. Resolves when the input has ended,
 * or with `.exit`.
 */
export async function runShell(mapper: Mapper, { input, output, isTerminal, history }: ShellStreams): Promise<void> {
  const repl = start({
    input, output, terminal: isTerminal, prompt: isTerminal ? '>> ' : '', ignoreUndefined: true, useGlobal: false,
  })
  const p = (...values: unknown[]): void => {
    for (const value of values) output.write(`${inspect(value, { depth: 10, colors: isTerminal })}\n`)
    if (isTerminal) repl.displayPrompt(true)
  }
  const nanite = {
    request: mapper.request.bind(mapper), push: mapper.push.bind(mapper), agents: mapper.agents.bind(mapper), mapper,
  }
  Object.assign(repl.context, { Nanite: nanite, p })
  const changeable = repl as unknown as Changeable
  const evaluate = changeable.eval
  changeable.eval = (code, ...rest) => evaluate.call(repl, fromRuby(code), ...rest)
  const complete = changeable.completer
  changeable.completer = (line, done) => {
    const typed = /\b(?:request|push)\(\s*['"]([^'"]*)$/.exec(line)?.[1]
    if (typed === undefined) return complete.call(repl, line, done)
    return done(null, [servicesOf(mapper).filter((service) => service.startsWith(typed)), typed])
  }
  repl.defineCommand('agents', {
    help: 'Show the agents in reach',
    action() {
      output.write(tableOf(mapper))
      this.displayPrompt()
    },
  })
  if (isTerminal) repl.setupHistory(history, () => undefined)
  await new Promise<void>((resolve) => repl.once('exit', resolve))
}

/** All routes that somebody serves. */
function servicesOf(mapper: Mapper): string[] {
  return [...new Set(mapper.agents().flatMap(({ services }) => services))].sort()
}

/** The agents, a line each. */
export function tableOf(mapper: Mapper): string {
  const agents = mapper.agents().sort((a, b) => (a.identity < b.identity ? -1 : 1))
  const lines = agents.map(({ identity, status, tags, services }) => {
    const marks = tags.length === 0 ? '' : `  [${tags.join(' ')}]`
    // agents may say anything: it must not reach the terminal as commands
    return `${plain(`${identity}  ${inspect(status, { breakLength: Infinity })}  ${services.join(' ')}${marks}`)}\n`
  })
  return lines.length === 0 ? 'no agent in reach\n' : lines.join('')
}
