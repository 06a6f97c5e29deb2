import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { appName, jsonOrText, type PeerAddress, several, wholeNumber } from './shared/arguments.js'
import type { PeerClient, Question } from './shared/client.js'
import { type AskOptions, asking, clientFor, examples, interruption } from './shared/ask.js'
import { printJSON, printValue } from './shared/output.js'

interface SendOptions extends AskOptions {
  readonly job?: boolean
  readonly stream?: boolean
  readonly timeout?: number
  readonly target?: string
  readonly tag?: readonly string[]
  readonly key?: string
  readonly idempotent?: boolean
  readonly durable?: boolean
  readonly wait?: boolean
  readonly delay?: number
  readonly attempts?: number
}

/** Adds the command `send`: one task for a worker app, or for any job that is served. */
export function send(program: Command): void {
  asking(program, 'send')
    .description('send one task to a worker app and print its result')
    .argument('<app>', 'apps/<folder>/<worker>; with --job the name of a job')
    .argument('[json]', 'the task: JSON; what is none is sent as text; - reads it from standard input')
    .option('--job', 'the name is that of a job that peers serve, not of an app')
    .option('--stream', 'print results as they come, one line of JSON each')
    .option('--timeout <seconds>', 'how long it may take (default: 30)', wholeNumber(1, 86_400))
    .option('--target <peer>', 'let this peer do it')
    .option('--tag <tag>', 'only peers with this tag (may be repeated)', several)
    .addOption(new Option('--key <key>', 'two tasks with one key are done once'))
    .option('--idempotent', 'it does no harm to do it twice: try another peer when one is lost')
    .option('--durable', 'store it in the queue of the peer, and print its token: it is done whatever happens')
    .option('--wait', 'with --durable: wait, and print the result')
    .option('--delay <seconds>', 'with --durable: give it to nobody before', wholeNumber(0, 31_536_000))
    .option('--attempts <number>', 'with --durable: how often it is tried (default: 5)', wholeNumber(1, 1_000))
    .option('--json', 'print the result as JSON even if it is text')
    .addHelpText(
      'after',
      examples(
        "send :1111 apps/wordcount/counter 'to be or not to be'",
        "send :1111 apps/wordcount/counter - < book.txt",
        'send :1111 resize \'{"width":100}\' --job --timeout 5',
        'send :1111 invoice \'{"for":"me"}\' --job --durable',
      ),
    )
    .action(async (address: PeerAddress, name: string, given: string | undefined, options: SendOptions) => {
      const client = clientFor(address, options)
      const path = options.job ? `/jobs/${encodeURIComponent(name)}` : `/apps/${appName(name)}`
      const task = given === '-' ? await text(process.stdin) : given
      const question = {
        method: 'POST',
        json: task === undefined ? null : jsonOrText(task),
        headers: headersOf(options),
        signal: interruption(),
      } as const
      if (options.durable) return sendDurable(client, path, question, options)
      if (!options.stream) {
        const result = await client.ask(path, question)
        return options.json ? printJSON(result ?? null) : printValue(result ?? null)
      }
      for await (const line of client.follow(path, question)) {
        if (line.type === 'chunk') printJSON(line['value'])
        else if (line.type === 'end') return finish(line)
      }
      throw new Error(`${client.name} broke off before the end`)
    })
}

interface Stored {
  readonly token: string
  readonly done?: false
}

/** How soon it is asked again what came of it, milliseconds. */
const askAgainMs = 500

async function sendDurable(client: PeerClient, path: string, question: Question, options: SendOptions): Promise<void> {
  const { delay, attempts, wait, json } = options
  const headers = {
    ...question.headers,
    prefer: 'respond-async',
    'x-telepathine-durable': 'true',
    ...(delay !== undefined && { 'x-telepathine-delay-ms': String(delay * 1_000) }),
    ...(attempts !== undefined && { 'x-telepathine-attempts': String(attempts) }),
  }
  const { token } = (await client.ask(path, { ...question, headers })) as Stored
  if (!wait) return json ? printJSON({ token }) : printValue(token)
  const { signal } = question
  for (;;) {
    const { status, value } = await client.look(`/jobs/${token}`, signal === undefined ? {} : { signal })
    if (status !== 202) return json ? printJSON(value ?? null) : printValue(value ?? null)
    await sleep(askAgainMs, undefined, signal === undefined ? {} : { signal })
  }
}

function headersOf({ timeout, target, tag, key, idempotent }: SendOptions): Readonly<Record<string, string>> {
  return {
    ...(timeout !== undefined && { 'x-telepathine-timeout-ms': String(timeout * 1_000) }),
    ...(target !== undefined && { 'x-telepathine-target': target }),
    ...(tag !== undefined && { 'x-telepathine-tags': tag.join(',') }),
    ...(key !== undefined && { 'idempotency-key': key }),
    ...(idempotent && { 'x-telepathine-idempotent': 'true' }),
  }
}

function finish(line: Readonly<Record<string, unknown>>): void {
  if (line['ok'] === true) {
    if (line['value'] !== undefined) printJSON(line['value'])
    return
  }
  const error = line['error'] as { code?: string; message?: string } | undefined
  throw new Error(`${error?.code ?? 'failed'}: ${error?.message ?? 'the worker gave no reason'}`)
}
