import type { Socket } from 'node:net'

/** Longest line that is taken. */
const lineBytesMax = 4_096

/** Takes what comes over a connection line by line; one whose lines are too long is ended. Its errors end it, too. */
export function readLines(socket: Socket, take: (line: string) => void): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('error', () => undefined)
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    if (rest.length > lineBytesMax) socket.destroy()
    for (const line of lines) take(line)
  })
}
