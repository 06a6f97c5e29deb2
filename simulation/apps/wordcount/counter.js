// How many words a text has, and how many different stems (Porter's).
import { stemmer } from 'stemmer'

process.on('message', (message) => {
  const words = String(message).match(/[\p{L}\p{N}']+/gu) ?? []
  const stems = new Set(words.map((word) => stemmer(word)))
  process.send({ message, total: words.length, unique: stems.size })
})
