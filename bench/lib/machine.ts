import { cpus, release, totalmem } from 'node:os'

/** On what it was measured. */
export interface Machine {
  cpu: string
  cores: number
  memoryBytes: number
  system: string
  node: string
}

/** This machine. */
export const machine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? '', cores: cpus().length, memoryBytes: totalmem(),
  system: `${process.platform} ${release()} ${process.arch}`, node: process.version,
})
