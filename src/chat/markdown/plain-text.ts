import { pieceEnd } from '../pieces.ts';

/** Text beyond the budget, as it is written. */
export class PlainText {
  readonly element = document.createElement('div');
  /** The pieces so far, and where each begins. */
  readonly #pieces: { start: number; text: Text }[] = [];

  /** `note` says why it is not formatted. */
  constructor(note: string) {
    this.element.className = 'unformatted';
    const line = document.createElement('p');
    line.className = 'note';
    line.textContent = note;
    this.element.append(line);
  }

  /** `text` begins with what was shown before. */
  show(text: string): void {
    for (let start = this.#pieces.at(-1)?.start ?? 0; start < text.length;) {
      const end = pieceEnd(text, start);
      const piece = this.#pieceAt(start);
      if (piece.data !== text.slice(start, end)) piece.data = text.slice(start, end);
      start = end;
    }
  }

  #pieceAt(start: number): Text {
    const last = this.#pieces.at(-1);
    if (last?.start === start) return last.text;
    const piece = document.createElement('div');
    const text = document.createTextNode('');
    piece.className = 'piece';
    piece.dir = 'auto';
    piece.append(text);
    this.element.append(piece);
    this.#pieces.push({ start, text });
    return text;
  }
}
