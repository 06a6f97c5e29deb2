import { readFile } from 'node:fs/promises'

/** How often it is looked at. What is between two looks is the system's to bear. */
const lookMs = 500

/**
 * How much memory a process may hold in all, in MiB, when its heap may have `memoryMB`: as much again for what lies
 * beside the heap (buffers, compiled code, native libraries), and what Node.js itself takes.
 */
export function residentMBMax(memoryMB: number): number {
  return 2 * memoryMB + 64
}

/**
 * Watches how much memory an app's process holds, all kinds of it: V8 keeps to its limit for the heap alone, and a
 * program may fill a machine with buffers. Where there is no /proc (any system but Linux) the heap's limit is the only
 * one.
 */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout | undefined

  /** @param exceeded is told once, in words, that it holds too much */
  constructor(pid: number, memoryMB: number, exceeded: (why: string) => void) {
    if (process.platform !== 'linux') return
    const max = residentMBMax(memoryMB)
    this.#timer = setInterval(() => {
      void residentMB(pid).then((resident) => {
        if (resident <= max) return
        this.stop()
        exceeded(`it held ${Math.ceil(resident)} MiB of memory, allowed: ${max} with memoryMB ${memoryMB}`)
      })
    }, lookMs).unref()
  }

  /** The process has gone. */
  stop(): void {
    clearInterval(this.#timer)
  }
}

/** What a process holds, MiB; 0 when there is none. */
async function residentMB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1_024
}
