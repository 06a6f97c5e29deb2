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

function optionsOf(command: Command): string {
  return command.createHelp().visibleOptions(command).map((option) => option.long ?? option.short ?? '').join(' ')
}

function bash(program: Command): string {
  const names = program.commands.map((command) => command.name()).join(' ')
  const cases = program.commands.map((command) => `    ${command.name()}) words='${optionsOf(command)}' ;;`)
  return `_telepathine() {
  local words command="\${COMP_WORDS[1]}" word="\${COMP_WORDS[COMP_CWORD]}"
  case "$command" in
${cases.join('\n')}
    *) words='' ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words='${names} ${optionsOf(program)}'
  COMPREPLY=()
  case "$COMP_CWORD:$word" in
    1:* | *:-*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
  esac
}
complete -o default -F _telepathine telepathine`
}

function zsh(program: Command): string {
  const quote = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`).replaceAll(':', String.raw`\:`)}'`
  const names = program.commands.map((command) => `    ${quote(command.name())}:${quote(command.description())}`)
  const cases = program.commands.map((command) => `    ${command.name()}) compadd -- ${optionsOf(command)} ;;`)
  return `#compdef telepathine
_telepathine() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  if [[ "$PREFIX" != -* ]]; then
    _files
    return
  fi
  case "$words[2]" in
${cases.join('\n')}
  esac
}
compdef _telepathine telepathine`
}
