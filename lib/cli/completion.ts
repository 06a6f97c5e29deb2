import { type Command, Argument } from 'commander'
import { examples } from './shared/ask.js'
import { print } from './shared/output.js'

/** Adds the command `completion`: a script that completes commands and options at the prompt. */
export function completion(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options in your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      `\nFor bash, in ~/.bashrc:\n  source <(telepathine completion bash)\n` +
        `For zsh, in ~/.zshrc after compinit:\n  source <(telepathine completion zsh)\n` +
        examples('completion bash'),
    )
    .action((shell: 'bash' | 'zsh') => print(shell === 'bash' ? bash(program) : zsh(program)))
}

/** What may stand in some place of a command. */
interface Words {
  readonly name: string
  readonly options: string
  /** What may follow an option: `['--preset', 'local lan wan']`. */
  readonly values: readonly (readonly [option: string, words: string])[]
  /** What the first argument may be, if it is one of a few words. */
  readonly first: string
}

function wordsOf(program: Command): Words[] {
  const commands = program.commands.map((command) => {
    const options = command.createHelp().visibleOptions(command)
    const choosing = options.filter(({ long, argChoices }) => long && argChoices)
    return {
      name: command.name(),
      options: options.map((option) => option.long ?? option.short ?? '').join(' '),
      values: choosing.map(({ long = '', argChoices = [] }) => [long, argChoices.join(' ')] as const),
      first: command.registeredArguments[0]?.argChoices?.join(' ') ?? '',
    }
  })
  const names = commands.map(({ name }) => name).join(' ')
  return [...commands, { name: 'help', options: '', values: [], first: names }]
}

/** Options of the program itself. */
function optionsOf(program: Command): string {
  return program.createHelp().visibleOptions(program).map((option) => option.long ?? option.short ?? '').join(' ')
}

function bash(program: Command): string {
  const commands = wordsOf(program)
  const cases = commands.flatMap(({ name, options, values, first }) => [
    ...values.map(([option, words]) => `    ${name}:*:${option}) words='${words}' ;;`),
    ...(options === '' ? [] : [`    ${name}:-*:*) words='${options}' ;;`]),
    ...(first === '' ? [] : [`    ${name}:*:${name}) words='${first}' ;;`]),
  ])
  return `_telepathine() {
  local words='' word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"
  case "\${COMP_WORDS[1]}:$word:$before" in
${cases.join('\n')}
  esac
  [ "$COMP_CWORD" -eq 1 ] && words='${commands.map(({ name }) => name).join(' ')} ${optionsOf(program)}'
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _telepathine telepathine`
}

function zsh(program: Command): string {
  const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`).replaceAll(':', String.raw`\:`)}'`
  const names = program.commands.map((command) => `    ${quote(command.name())}:${quote(command.description())}`)
  const cases = wordsOf(program).flatMap(({ name, options, values, first }) => [
    ...values.map(([option, words]) => `    ${name}:*:${option}) compadd -- ${words} ;;`),
    ...(options === '' ? [] : [`    ${name}:-*:*) compadd -- ${options} ;;`]),
    ...(first === '' ? [] : [`    ${name}:*:${name}) compadd -- ${first} ;;`]),
  ])
  return `#compdef telepathine
_telepathine() {
  local -a commands
  commands=(
${names.join('\n')}
    'help':'display help for command'
  )
  if (( CURRENT == 2 )); then
    if [[ "$PREFIX" == -* ]]; then
      compadd -- ${optionsOf(program)}
    else
      _describe command commands
    fi
    return
  fi
  case "$words[2]:$PREFIX:$words[CURRENT-1]" in
${cases.join('\n')}
    *) _files ;;
  esac
}
compdef _telepathine telepathine`
}
