/** The child's side: commands that the measuring process calls by name, over the IPC channel of `fork`. */

/** What a child can be asked. */
// Any function may be a command; its own types are seen again at the caller through `typeof commands`.
export type Commands = Record<string, (...args: never[]) => unknown>

/** A question, and its answer. */
export interface Question { id: number; command: string; args: unknown[] }
export interface Answer { id: number; result?: unknown; error?: string }

/** Answers questions until the measuring process closes the channel or dies; then this process ends too. */
export function serve(commands: Commands): void {
  process.on('message', (message: Question) => void answer(commands, message))
  process.on('disconnect', () => process.exit())
  process.send?.('ready')
}

async function answer(commands: Commands, { id, command, args }: Question): Promise<void> {
  const reply: Answer = { id }
  try {
    const run = commands[command] as ((...args: unknown[]) => unknown) | undefined
    if (run === undefined) throw new Error(`no command ${command}`)
    reply.result = await run(...args)
  } catch (error) {
    reply.error = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  process.send?.(reply)
}
