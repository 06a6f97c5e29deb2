// The lines of a file, { file }, from { from } bytes on (default: its end), and those that are written to it later.
// Run on its own, `process.send` has no `signal`, and it goes on for ever.
import { open, stat } from 'node:fs/promises'

const pollMs = 100

process.on('message', ({ file, from }) => {
  follow(file, from, process.send.signal).catch((error) => process.send({ error: error.message }))
})

async function follow(file, from, signal) {
  let at = from ?? (await stat(file)).size
  // a character may be cut in two where one piece ends
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    if (signal?.aborted) return
    const { size } = await stat(file)
    // it was cut off: begin anew
    if (size < at) at = 0
    if (size > at) {
      const handle = await open(file)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size - at, 65_536)), 0, null, at)
      await handle.close()
      at += bytesRead
      const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) process.send(line)
    } else {
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }
}
