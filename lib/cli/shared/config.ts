import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { jsonOrText } from './arguments.js'

/**
 * Lets the options of a command be given by environment (`TELEPATHINE_HTTP_HOST` for `--http-host`) and by a file of
 * JSON (`{ "httpHost": "a.example" }`), too. What is given on the command line goes first, then the environment, then
 * the file. A file is only read when it is named: what lies in a folder must not change what a command does there.
 */
export function configurable(command: Command, env: NodeJS.ProcessEnv = process.env): Command {
  command.addOption(new Option('--config <file>', 'read options from a file of JSON').env('TELEPATHINE_CONFIG'))
  const hint = '\nOptions may be given as TELEPATHINE_<OPTION> in the environment as well (flags: true or false).'
  return command.addHelpText('after', hint).hook('preAction', async () => {
    for (const option of command.options) {
      const variable = variableOf(option)
      const value = env[variable]
      if (value !== undefined && !option.envVar) adopt(command, option, isFlag(option) ? flag(value) : value, variable)
    }
    const file = command.opts<{ config?: string }>().config
    if (file !== undefined) await apply(command, file)
  })
}

/** `TELEPATHINE_UDP` for `--no-udp`: it is what the option is about. */
function variableOf(option: Option): string {
  const name = option.attributeName().replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
  return `TELEPATHINE_${name.toUpperCase()}`
}

function flag(text: string): unknown {
  if (/^(1|true|yes|on)$/i.test(text)) return true
  return /^(0|false|no|off)$/i.test(text) ? false : text
}

function isFlag(option: Option): boolean {
  return option.isBoolean() || option.negate
}

/** Takes a value for an option that was not given before. */
function adopt(command: Command, option: Option, value: unknown, source: string): void {
  const name = option.attributeName()
  const before = command.getOptionValueSource(name)
  if (before !== undefined && before !== 'default') return
  command.setOptionValueWithSource(name, parse(option, value, source), source)
}

async function apply(command: Command, file: string): Promise<void> {
  for (const [name, value] of Object.entries(await read(file))) {
    const option = command.options.find((each) => each.attributeName() === name && name !== 'config')
    if (!option) {
      const names = command.options.map((each) => each.attributeName()).filter((each) => each !== 'config')
      throw new Error(`${file}: there is no option ${JSON.stringify(name)}; allowed: ${[...new Set(names)].join(', ')}`)
    }
    adopt(command, option, value, file)
  }
}

async function read(file: string): Promise<object> {
  let content: unknown
  try {
    content = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new Error(`cannot read the options in ${file}: ${(error as Error).message}`, { cause: error })
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content
  throw new Error(`${file} must hold an object: { "option": value }`)
}

/** A value as the command line would have given it. */
function parse(option: Option, value: unknown, source: string): unknown {
  if (isFlag(option) && typeof value === 'boolean') return value
  // what may be any JSON is JSON already
  if (option.parseArg === jsonOrText && typeof value !== 'string') return value
  const texts = (Array.isArray(value) ? value : [value]) as unknown[]
  const isPlain = texts.every((text) => typeof text === 'string' || typeof text === 'number')
  const refuse = (allowed: string): Error =>
    new Error(`${source}: option ${option.attributeName()}: ${JSON.stringify(value)} given, allowed: ${allowed}`)
  if (isFlag(option)) throw refuse('true or false')
  if (!isPlain) throw refuse('a text, a number or a list of them')
  let parsed: unknown
  try {
    for (const text of texts) parsed = option.parseArg ? option.parseArg(String(text), parsed) : String(text)
  } catch (error) {
    throw refuse((error as Error).message.replace(/^allowed: |\.$/gi, '').toLowerCase())
  }
  return parsed
}
