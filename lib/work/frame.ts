import { traceBytesMax } from './tracecontext.js'

/**
 * What peers that work for each other say. A frame holds all that one peer has for another at the end of a turn of its
 * event loop; numbers are big endian.
 *
 *     frame:    magic u8 | version u8 | sender's life u32 | receiver's life u32, 0 for any | messages …
 *     message:  kind u8 | length u24 | serial u32 | as many bytes
 *
 * A *life* is what an incarnation comes down to in 32 bits: whoever was started anew answers to another one, and takes
 * nothing that was meant for the one before. The *serial* names a call among those of its caller in one life.
 */

/** The first byte of a frame; the gossip's is another. */
export const magic = 0x77
const version = 1

export const frameHeadBytes = 10
export const messageHeadBytes = 8

/** Most bytes of one frame: what the connection takes in one piece, so that frames keep their order. */
export const frameBytesMax = 64 * 1024

/** Most bytes of a value that goes in the message it belongs to; a larger one follows it in pieces of that size. */
export const pieceBytesMax = 48 * 1024

/** Kinds of messages; the numbers stand on the wire. Those below {@link fromWorker} come from the caller. */
export const Kind = {
  /** Do this. */
  call: 1,
  /** Never mind. */
  cancel: 2,
  /** There is room for so many more bytes of chunks. */
  credit: 3,
  /** A piece of the input. */
  inputPiece: 4,
  /** So many bytes of the output's pieces have arrived. */
  outputGot: 5,
  /** The connection was lost meanwhile: are you still at these? */
  areYouAt: 6,
  /** How busy are you? */
  probe: 7,
  /** It will be done: the end of a push. */
  accept: 16,
  /** It was not begun, and will not be. */
  refuse: 17,
  /** Done; the end. */
  result: 18,
  /** Failed; the end. */
  failure: 19,
  /** One of several values. */
  chunk: 20,
  /** A piece of the output: of a result or a chunk. */
  outputPiece: 21,
  /** So many bytes of the input's pieces have arrived. */
  inputGot: 22,
  /** The connection was lost meanwhile: do you still wait for these? */
  doYouWaitFor: 23,
  /** So busy; the answer to a probe. */
  load: 24,
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

const fromWorker = 16

/** Whether a message comes from the one who was called. */
export function isFromWorker(kind: number): boolean {
  return kind >= fromWorker
}

/** Why a call is refused; the numbers stand on the wire. */
export const Refusal = {
  /** All slots are taken, and the queue is full. */
  busy: 1,
  /** The service is being withdrawn. */
  draining: 2,
  /** There is no such service here. */
  unknown: 3,
  /** Not for this caller. */
  denied: 4,
  /** The key has been used with another input. */
  keyReused: 5,
  /** The input is larger than is taken here. */
  tooLarge: 6,
  /** The input is no encoded value. */
  malformed: 7,
  /** Its time was over before it was begun. */
  expired: 8,
  /** Nothing is known of it: what there was got lost. It may have been done. */
  lost: 9,
} as const

export type Refusal = (typeof Refusal)[keyof typeof Refusal]

/** Flags of a call. Above them stands the form of its input; see `payload.ts`. */
export const Flag = { push: 1, stream: 2, keyed: 4, pieces: 8, traced: 16 } as const
export const callFormShift = 5

/** Flag of a reply: its value follows in pieces. Above it stands the form of the value. */
export const replyPieces = 1
export const replyFormShift = 1

/** What stands in a call. */
export interface CallHead {
  readonly flags: number
  readonly attempt: number
  /** What is left of its time, milliseconds; 0 for no limit. */
  readonly budgetMs: number
  readonly service: string
  readonly key: string | undefined
  /** Where it stands in a trace, of its own; see `tracecontext.ts`. */
  readonly trace: Uint8Array | undefined
  /** Where in the frame its input begins. */
  readonly inputAt: number
}

/** What a worker tells of itself with each reply. */
export interface Load {
  /** Rises with each: the higher one is the later. */
  readonly stamp: number
  /** Calls that run or wait there. */
  readonly inflight: number
}

const callFixedBytes = 7
export const replyHeadBytes = 9
export const refusalBytes = 13

/** The time budgets that can be told: some 49 days. */
const budgetMsMax = 2 ** 32 - 1

/** What an incarnation comes down to; never 0. */
export function lifeOf(incarnation: number): number {
  return (incarnation % (2 ** 32 - 1)) + 1
}

/** The head of a frame. */
export function frameHead(sender: number, receiver: number): Buffer {
  const head = Buffer.allocUnsafe(frameHeadBytes)
  head[0] = magic
  head[1] = version
  head.writeUInt32BE(sender, 2)
  head.writeUInt32BE(receiver, 6)
  return head
}

/** A message with `bytes` bytes behind its head, to be filled in. */
export function newMessage(kind: Kind, serial: number, bytes: number): Buffer {
  const message = Buffer.allocUnsafe(messageHeadBytes + bytes)
  message[0] = kind
  message[1] = bytes >>> 16
  message[2] = bytes >>> 8
  message[3] = bytes
  writeSerial(message, serial)
  return message
}

function writeSerial(message: Buffer, serial: number): void {
  message[4] = serial >>> 24
  message[5] = serial >>> 16
  message[6] = serial >>> 8
  message[7] = serial
}

/** A call, yet to be addressed. `input` is copied; undefined when it follows in pieces. */
export function callMessage(
  flags: number,
  service: Uint8Array,
  key: Uint8Array | undefined,
  input: Uint8Array | undefined,
  trace?: Uint8Array,
): Buffer {
  const keyBytes = key === undefined ? 0 : 1 + key.length
  const traceBytes = trace === undefined ? 0 : 2 + trace.length
  const inputBytes = input?.length ?? 0
  const message = newMessage(Kind.call, 0, callFixedBytes + service.length + keyBytes + traceBytes + inputBytes)
  message[messageHeadBytes] = flags
  let at = messageHeadBytes + 6
  message[at++] = service.length
  message.set(service, at)
  at += service.length
  if (key !== undefined) {
    message[at++] = key.length
    message.set(key, at)
    at += key.length
  }
  if (trace !== undefined) {
    message.writeUInt16BE(trace.length, at)
    message.set(trace, at + 2)
    at += 2 + trace.length
  }
  if (input !== undefined) message.set(input, at)
  return message
}

/** Makes a call's message that of an attempt. `budgetMs` is what is left of its time; Infinity: no limit. */
export function address(message: Buffer, serial: number, attempt: number, budgetMs: number): void {
  writeSerial(message, serial)
  message[messageHeadBytes + 1] = Math.min(attempt, 255)
  writeU32(message, messageHeadBytes + 2, budgetMs === Infinity ? 0 : Math.min(Math.max(1, budgetMs), budgetMsMax))
}

/** A reply with room for `bytes` behind what is told of the load; see {@link replyHeadBytes}. */
export function replyMessage(kind: Kind, serial: number, load: Load, flags: number, bytes: number): Buffer {
  const message = newMessage(kind, serial, replyHeadBytes + bytes)
  message[messageHeadBytes] = flags
  writeU32(message, messageHeadBytes + 1, load.stamp)
  writeU32(message, messageHeadBytes + 5, load.inflight)
  return message
}

/** A refusal. */
export function refusalMessage(serial: number, load: Load, why: Refusal, retryAfterMs: number): Buffer {
  const message = replyMessage(Kind.refuse, serial, load, why, refusalBytes - replyHeadBytes)
  writeU32(message, messageHeadBytes + replyHeadBytes, Math.min(Math.round(retryAfterMs), 2 ** 32 - 1))
  return message
}

/** A message that holds one number. */
export function countMessage(kind: Kind, serial: number, count: number): Buffer {
  const message = newMessage(kind, serial, 4)
  writeU32(message, messageHeadBytes, count)
  return message
}

/** Most serials in one question. */
export const serialsMax = 8_192

/** A question about calls. */
export function serialsMessage(kind: Kind, serials: readonly number[]): Buffer {
  const message = newMessage(kind, 0, serials.length * 4)
  serials.forEach((serial, i) => writeU32(message, messageHeadBytes + i * 4, serial))
  return message
}

/** A piece of a value, without its bytes, of which there are `bytes`; `offset`: how many went before. */
export function pieceHead(kind: Kind, serial: number, offset: number, isLast: boolean, bytes: number): Buffer {
  const message = newMessage(kind, serial, 5)
  const length = 5 + bytes
  message[1] = length >>> 16
  message[2] = length >>> 8
  message[3] = length
  message[messageHeadBytes] = isLast ? 1 : 0
  writeU32(message, messageHeadBytes + 1, offset)
  return message
}

function writeU32(bytes: Buffer, at: number, n: number): void {
  bytes[at] = n >>> 24
  bytes[at + 1] = n >>> 16
  bytes[at + 2] = n >>> 8
  bytes[at + 3] = n
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

/** The lives that a frame names; undefined when it is none of ours. */
export function readFrameHead(frame: Uint8Array): { sender: number; receiver: number } | undefined {
  if (frame.length < frameHeadBytes || frame[0] !== magic || frame[1] !== version) return undefined
  const sender = readU32(frame, 2)
  return sender === 0 ? undefined : { sender, receiver: readU32(frame, 6) }
}

/**
 * Calls `take` for each message of a frame: what lies between `at` and `end` is its own. Returns false when the bytes
 * cannot be messages, or `take` returns false; what came before stands.
 */
export function readMessages(
  frame: Uint8Array,
  take: (kind: number, serial: number, at: number, end: number) => boolean,
): boolean {
  let at = frameHeadBytes
  while (at < frame.length) {
    if (frame.length - at < messageHeadBytes) return false
    const end = at + messageHeadBytes + ((frame[at + 1]! << 16) | (frame[at + 2]! << 8) | frame[at + 3]!)
    if (end > frame.length) return false
    if (!take(frame[at]!, readU32(frame, at + 4), at + messageHeadBytes, end)) return false
    at = end
  }
  return true
}

/** The head of a call; undefined when it is malformed. */
export function readCall(frame: Buffer, at: number, end: number): CallHead | undefined {
  if (end - at < callFixedBytes) return undefined
  const flags = frame[at]!
  const attempt = frame[at + 1]!
  const budgetMs = readU32(frame, at + 2)
  const serviceAt = at + callFixedBytes
  const serviceEnd = serviceAt + frame[at + 6]!
  if (serviceEnd > end || serviceEnd === serviceAt) return undefined
  const service = frame.toString('utf8', serviceAt, serviceEnd)
  const isPlain = (flags & (Flag.keyed | Flag.traced)) === 0
  if (isPlain) return { flags, attempt, budgetMs, service, key: undefined, trace: undefined, inputAt: serviceEnd }
  let inputAt = serviceEnd
  let key: string | undefined
  let trace: Uint8Array | undefined
  if ((flags & Flag.keyed) !== 0) {
    if (inputAt + 1 > end) return undefined
    const keyAt = inputAt + 1
    inputAt = keyAt + frame[inputAt]!
    if (inputAt > end) return undefined
    key = frame.toString('utf8', keyAt, inputAt)
  }
  if ((flags & Flag.traced) !== 0) {
    if (inputAt + 2 > end) return undefined
    const traceAt = inputAt + 2
    inputAt = traceAt + frame.readUInt16BE(inputAt)
    if (inputAt > end || inputAt - traceAt > traceBytesMax) return undefined
    trace = Uint8Array.from(frame.subarray(traceAt, inputAt))
  }
  return { flags, attempt, budgetMs, service, key, trace, inputAt }
}
