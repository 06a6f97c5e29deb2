import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import { appName, jsonOrText, type PeerAddress, several, wholeNumber } from './shared/arguments.js'
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
    .option('--json', 'print the result as JSON even if it is text')
    .addHelpText(
      'after',
      examples(
        "send :1111 apps/wordcount/counter 'to be or not to be'",
        "send :1111 apps/wordcount/counter - < book.txt",
        'send :1111 resize \'{"width":100}\' --job --timeout 5',
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
