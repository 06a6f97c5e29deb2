// As much of PNG (ISO/IEC 15948) as photographs and screenshots need: 8 bits a channel, grey, colour or palette, with
// or without transparency, not interlaced. An image is { width, height, data }, with four bytes a pixel: red, green,
// blue, alpha.
import { crc32, deflateSync, inflateSync } from 'node:zlib'

const signature = Buffer.from('89504e470d0a1a0a', 'hex')
/** Samples a pixel has, by colour type. */
const samples = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
/** Larger pictures are refused: a few bytes may unpack to gigabytes. */
const pixelsMax = 100_000_000

export function decode(bytes) {
  if (!signature.equals(bytes.subarray(0, 8))) throw new TypeError('not a PNG')
  const chunks = [...chunksOf(bytes)]
  const find = (type) => chunks.find((chunk) => chunk.type === type)?.data
  const head = find('IHDR')
  if (head?.length !== 13) throw new TypeError('a PNG without a header')
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)]
  const [depth, colour, , , interlaced] = head.subarray(8)
  const channels = samples[colour]
  if (depth !== 8 || channels === undefined || interlaced !== 0) {
    throw new TypeError(`${depth} bits, colour type ${colour}, interlace ${interlaced}: only 8 bits, not interlaced`)
  }
  if (width * height > pixelsMax) throw new RangeError(`${width} x ${height} pixels are too many`)
  const packed = Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data))
  const stride = width * channels
  const raw = inflateSync(packed, { maxOutputLength: height * (stride + 1) })
  if (raw.length !== height * (stride + 1)) throw new TypeError('a PNG that ends too early')
  return { width, height, data: toRGBA(unfilter(raw, stride, channels), colour, find('PLTE'), find('tRNS')) }
}

export function encode({ width, height, data }) {
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 6], 8)
  const stride = width * 4
  const lines = Buffer.alloc(height * (stride + 1))
  for (let y = 0; y < height; y++) {
    // each line less the one above it: what changes little packs well
    lines[y * (stride + 1)] = 2
    for (let x = 0; x < stride; x++) {
      const above = y === 0 ? 0 : data[(y - 1) * stride + x]
      lines[y * (stride + 1) + 1 + x] = data[y * stride + x] - above
    }
  }
  const parts = [chunk('IHDR', head), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([signature, ...parts])
}

/** The picture in at most `size` x `size` pixels; each is the mean of those that it stands for. */
export function shrink({ width, height, data }, size) {
  const scale = Math.min(1, size / Math.max(width, height))
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))]
  const small = Buffer.alloc(w * h * 4)
  for (let y = 0; y < h; y++) {
    const [top, bottom] = [Math.floor((y * height) / h), Math.max(Math.floor(((y + 1) * height) / h), 1)]
    for (let x = 0; x < w; x++) {
      const [left, right] = [Math.floor((x * width) / w), Math.max(Math.floor(((x + 1) * width) / w), 1)]
      const sum = [0, 0, 0, 0]
      for (let j = top; j < bottom; j++) {
        for (let i = left; i < right; i++) {
          const at = (j * width + i) * 4
          const alpha = data[at + 3]
          // what is transparent has no colour to speak of
          for (let c = 0; c < 3; c++) sum[c] += data[at + c] * alpha
          sum[3] += alpha
        }
      }
      const at = (y * w + x) * 4
      for (let c = 0; c < 3; c++) small[at + c] = sum[3] === 0 ? 0 : Math.round(sum[c] / sum[3])
      small[at + 3] = Math.round(sum[3] / ((bottom - top) * (right - left)))
    }
  }
  return { width: w, height: h, data: small }
}

function* chunksOf(bytes) {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at)
    const end = at + 8 + length
    if (end + 4 > bytes.length || crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(end)) {
      throw new TypeError('a damaged PNG')
    }
    yield { type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, end) }
    at = end + 4
  }
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** Each line begins with how it was told: as it is, or as what differs from the left, from above, from both. */
function unfilter(raw, stride, channels) {
  const plain = Buffer.alloc((raw.length / (stride + 1)) * stride)
  for (let from = 0, to = 0; from < raw.length; from += stride + 1, to += stride) {
    const filter = raw[from]
    if (filter > 4) throw new TypeError(`a PNG with filter ${filter}`)
    for (let x = 0; x < stride; x++) {
      const a = x < channels ? 0 : plain[to + x - channels]
      const b = to === 0 ? 0 : plain[to + x - stride]
      const c = x < channels || to === 0 ? 0 : plain[to + x - stride - channels]
      const guess = [0, a, b, (a + b) >> 1, nearest(a, b, c)][filter]
      plain[to + x] = raw[from + 1 + x] + guess
    }
  }
  return plain
}

/** Paeth's predictor. */
function nearest(a, b, c) {
  const [da, db, dc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)]
  return da <= db && da <= dc ? a : db <= dc ? b : c
}

function toRGBA(plain, colour, palette, transparency) {
  if (colour === 6) return plain
  const channels = samples[colour]
  const count = plain.length / channels
  const data = Buffer.alloc(count * 4, 255)
  for (let i = 0; i < count; i++) {
    const at = i * channels
    if (colour === 3) {
      const entry = plain[at] * 3
      if (palette === undefined || entry + 3 > palette.length) throw new TypeError('a colour beyond its palette')
      data.set(palette.subarray(entry, entry + 3), i * 4)
      data[i * 4 + 3] = transparency?.[plain[at]] ?? 255
    } else {
      for (let c = 0; c < 3; c++) data[i * 4 + c] = plain[at + (colour === 2 ? c : 0)]
      if (colour === 4) data[i * 4 + 3] = plain[at + 1]
    }
  }
  return data
}
