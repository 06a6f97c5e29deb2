import { readdirSync, readFileSync } from 'node:fs'

/** What a process has used so far, whatever it is: milliseconds of CPU and bytes of memory that it alone has. */
export interface ProcessUsage { cpuMs: number; privateBytes: number }

/** Reads /proc; NaN on systems without. Counts the threads that are there. */
export function usageOf(pid: number): ProcessUsage {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const nanoseconds = threads.map(id =>
      Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8').split(' ')[0]))
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    const kilobytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB/gm)].map(([, size]) => Number(size))
    return { cpuMs: sum(nanoseconds) / 1e6, privateBytes: sum(kilobytes) * 1_024 }
  } catch {
    return { cpuMs: NaN, privateBytes: NaN }
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
