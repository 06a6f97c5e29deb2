// The SHA-256 of a text, { text }, or of a file on this machine, { file }. A file is never whole in memory.
'use strict'
const { createHash } = require('node:crypto')
const { createReadStream } = require('node:fs')
const { pipeline } = require('node:stream/promises')

process.on('message', async ({ text, file }) => {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    const source = file === undefined ? [Buffer.from(String(text))] : createReadStream(file)
    await pipeline(source, async (chunks) => {
      for await (const chunk of chunks) {
        bytes += chunk.length
        hash.update(chunk)
      }
    })
    process.send({ bytes, sha256: hash.digest('hex') })
  } catch (error) {
    process.send({ error: error.message })
  }
})
