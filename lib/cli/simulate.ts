import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { choices, heapBytes, run, type Request } from '../../simulation/run.js'

/** The most that Node.js may take of this machine's memory. */
const heapMaxMiB = Math.floor((totalmem() / 2 ** 20) * 0.85)

/** Options that only some scenarios know, by what they do. */
const special: Readonly<Record<string, readonly [flags: string, about: string, parse?: (text: string) => unknown]>> = {
  updates: ['--updates <n>', 'how many updates; overload: most for each peer', whole(1)],
  crashes: ['--crashes <n>', 'how many crashes', whole(1)],
  joins: ['--joins <n>', 'how many join; churn: how many come or go', whole(1)],
  seconds: ['--seconds <n>', 'how long to measure, virtual seconds', whole(1)],
  pausing: ['--pausing <share>', 'share of the peers that stall now and then', share],
  count: ['--count <n>', 'so many seeds, from --seed on', whole(1)],
  steps: ['--steps <n>', 'only the first steps', whole(0)],
  without: ['--without <kinds>', 'without these kinds of step', (text) => text.split(',')],
  shrink: ['--shrink', 'look for a smaller run that still fails'],
}

interface Options extends Partial<Request['settings']> {
  readonly latency?: readonly [number, number]
  readonly updates?: number
  readonly crashes?: number
  readonly joins?: number
  readonly count?: number
  readonly shrink?: boolean
  readonly svg?: string
  readonly json?: boolean
}

/** Adds the command `simulate`: a cluster on virtual time, measured and checked. */
export function simulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('run a whole cluster on virtual time; measure it, break it, check it')
    .argument('[scenario]', 'what to run', scenarioName)
    .option('--peers <n>', 'how many peers', whole(2))
    .option('--seed <n>', 'what the run is drawn from (default: 1)', whole(0))
    .option('--loss <share>', 'share of the datagrams that get lost, 0 .. 1', share)
    .option('--latency <least,most>', 'time on the way, milliseconds', range)
    .option('--svg <file>', 'write the curve as a picture')
    .option('--json', 'print one object on stdout')
  for (const [name, [flags, about, parse]] of Object.entries(special)) {
    const knowing = choices.filter(({ options }) => options.includes(name)).map((choice) => choice.name)
    const option = new Option(flags, `${knowing.join(', ')}: ${about}`)
    command.addOption(parse === undefined ? option : option.argParser(parse))
  }
  const list = choices.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`).join('\n')
  command.addHelpText('after', `\nScenarios:\n${list}`)
  command.action(async (scenario: string | undefined, options: Options) => {
    if (scenario === undefined) {
      command.outputHelp()
      return
    }
    const request = requestOf(command, scenario, options)
    process.exitCode = fits(request) ? await runHere(request) : await runWithMoreMemory()
  })
}

async function runHere(request: Request): Promise<number> {
  const isWell = await run(request, {
    print: (line) => void process.stdout.write(`${line}\n`),
    aside: (line) => void process.stderr.write(`${line}\n`),
  })
  return isWell ? 0 : 1
}

/** Whether Node.js gives this process as much memory as so many peers take, or all that there is. */
function fits({ settings: { peers = 0 } }: Request): boolean {
  return getHeapStatistics().heap_size_limit >= Math.min(heapBytes(peers), heapMaxMiB * 2 ** 20)
}

/** Runs the same command in another process that may take most of the machine's memory. Its exit code. */
async function runWithMoreMemory(): Promise<number> {
  const flags = [`--max-old-space-size=${heapMaxMiB}`, '--max-semi-space-size=64']
  const args = [...process.execArgv, ...flags, ...process.argv.slice(1)]
  const child = spawn(process.execPath, args, { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

function requestOf(command: Command, scenario: string, options: Options): Request {
  const known = choices.find(({ name }) => name === scenario)?.options ?? []
  for (const name of Object.keys(options)) {
    if (name in special && !known.includes(name)) command.error(`error: ${scenario} has no option '--${name}'`)
  }
  const settings = {
    seed: options.seed ?? 1,
    peers: options.peers,
    loss: options.loss,
    latencyMs: options.latency,
    times: options.updates ?? options.crashes ?? options.joins,
    seconds: options.seconds,
    pausing: options.pausing,
    steps: options.steps,
    without: options.without ?? [],
  }
  const { count = 1, shrink = false, json = false, svg } = options
  // as whoever reads it has called it
  const words = process.env['npm_lifecycle_event'] === 'simulate' ? 'npm run simulate --' : 'telepathine simulate'
  return { scenario, settings, count, shrink, json, svg, command: words }
}

function scenarioName(text: string): string {
  if (choices.some(({ name }) => name === text)) return text
  throw new InvalidArgumentError(`There are ${choices.map(({ name }) => name).join(', ')}.`)
}

function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`It must be a whole number of at least ${least}.`)
  }
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('It must be 0 .. 1.')
}

function range(text: string): readonly [number, number] {
  const [least, most, ...rest] = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
  const isPair = least !== undefined && most !== undefined && rest.length === 0
  if (isPair && least >= 0 && most >= least && most < Infinity) return [least, most]
  throw new InvalidArgumentError('It must be two numbers, least and most.')
}
