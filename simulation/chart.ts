/** How a share grows over time: `[ms, share]`, in order of time. */
export type Curve = readonly (readonly [number, number])[]

const blocks = ' ▁▂▃▄▅▆▇█'

/** A chart for a terminal: the share over time, from the beginning to the last point; empty when there is none. */
export function plot(curve: Curve, columns = 60, rows = 6): string {
  const endMs = curve.at(-1)?.[0] ?? 0
  if (endMs === 0) return ''
  const shares = Array.from({ length: columns }, (_, column) => shareAt(curve, ((column + 1) / columns) * endMs))
  const lines = Array.from({ length: rows }, (_, row) => {
    const below = rows - 1 - row
    const label = row === 0 ? '100 %' : ''
    const line = shares.map((share) => blocks[Math.max(0, Math.min(8, Math.round((share * rows - below) * 8)))])
    return `${label.padStart(5)} │${line.join('')}`
  })
  const end = `${Math.round(endMs * 10) / 10} ms`
  return [...lines, `  0 % └${'─'.repeat(columns)}`, `       0${end.padStart(columns - 1)}`].join('\n')
}

/** The same as a picture by itself. */
export function svg(curve: Curve, title: string, width = 640, height = 320): string {
  const margin = 48
  const endMs = Math.max(curve.at(-1)?.[0] ?? 0, 1e-3)
  const x = (ms: number): number => margin + (ms / endMs) * (width - 2 * margin)
  const y = (share: number): number => height - margin - share * (height - 2 * margin)
  const points = curve.map(([ms, share]) => `${x(ms).toFixed(1)},${y(share).toFixed(1)}`).join(' ')
  const rows = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share).toFixed(1)
    const rule = `<line x1="${margin}" x2="${width - margin}" y1="${at}" y2="${at}" stroke="#ddd"/>`
    return `${rule}<text x="${margin - 6}" y="${at}" text-anchor="end" dy="4">${share * 100} %</text>`
  })
  const columns = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const label = Math.round(part * endMs * 10) / 10
    return `<text x="${x(part * endMs).toFixed(1)}" y="${height - margin + 18}" text-anchor="middle">${label} ms</text>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${width / 2}" y="24" text-anchor="middle" font-size="14">${escaped(title)}</text>`,
    ...rows,
    ...columns,
    `<polyline points="${points}" fill="none" stroke="#0a6" stroke-width="2"/>`,
    '</svg>\n',
  ].join('\n')
}

function shareAt(curve: Curve, ms: number): number {
  let share = 0
  for (const [atMs, reached] of curve) {
    if (atMs > ms) break
    share = reached
  }
  return share
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
}
