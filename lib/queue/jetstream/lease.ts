/** How many are told of in one message: each takes some hundred bytes, and a server takes a megabyte unless told so. */
const pieceSize = 1_000

interface Piece {
  readonly replies: Map<number, string>
  isChanged: boolean
}

/**
 * What a process holds, as the others are told of it: where each delivery is given back. In pieces, each of which fits
 * into a message, so that what changes is told anew, and not all of it. Bounded by how many are held at a time.
 */
export class Lease {
  readonly #pieces: Piece[] = []
  /** In which piece a delivery is. */
  readonly #places = new Map<number, Piece>()

  add(id: number, reply: string): void {
    let piece = this.#pieces.find(({ replies }) => replies.size < pieceSize)
    if (piece === undefined) this.#pieces.push(piece = { replies: new Map(), isChanged: true })
    piece.replies.set(id, reply)
    piece.isChanged = true
    this.#places.set(id, piece)
  }

  delete(id: number): void {
    const piece = this.#places.get(id)
    if (piece === undefined) return
    this.#places.delete(id)
    piece.replies.delete(id)
    piece.isChanged = true
  }

  /** All that was told may be forgotten. */
  changed(): void {
    for (const piece of this.#pieces) piece.isChanged = true
  }

  /** What is to be told: which pieces changed since this was asked, and what is in them, a line each. */
  *changes(): Generator<[at: number, text: string]> {
    for (const [at, piece] of this.#pieces.entries()) {
      if (!piece.isChanged) continue
      piece.isChanged = false
      yield [at, [...piece.replies.values()].join('\n')]
    }
  }
}
