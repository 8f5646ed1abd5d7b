/** Text beyond the budget, as it is written. In pieces, because browsers lay out one text of a megabyte slowly, and again when it grows. */

const PIECE_CHARACTERS = 8_000;
const PIECE_LINES = 200;

const linesIn = (text: string): number => text.split('\n').length;

/** Where `lines` lines of `text` from `from` on have ended, if that is before `end`. */
function behindLines(text: string, from: number, end: number, lines: number): number {
  for (let at = from; lines > 0; lines--) {
    at = text.indexOf('\n', at) + 1;
    if (at === 0 || at >= end) return end;
    if (lines === 1) return at;
  }
  return end;
}

export class PlainText {
  readonly element = document.createElement('div');
  #shown = '';
  #last: Text | null = null;

  /** `note` says why it is not formatted. */
  constructor(note: string) {
    this.element.className = 'unformatted';
    const line = document.createElement('p');
    line.className = 'note';
    line.textContent = note;
    this.element.append(line);
  }

  show(text: string): void {
    if (!text.startsWith(this.#shown)) {
      for (const piece of this.element.querySelectorAll('.piece')) piece.remove();
      this.#last = null;
      this.#shown = '';
    }
    for (let from = this.#shown.length; from < text.length;) from = this.#append(text, from);
    this.#shown = text;
  }

  /** Fills the last piece, or begins the next; returns where that ends. */
  #append(text: string, from: number): number {
    if (!this.#last || this.#last.length >= PIECE_CHARACTERS || linesIn(this.#last.data) > PIECE_LINES) {
      const piece = document.createElement('div');
      piece.className = 'piece';
      piece.dir = 'auto';
      piece.append((this.#last = document.createTextNode('')));
      this.element.append(piece);
    }
    const lines = PIECE_LINES - linesIn(this.#last.data) + 1;
    const room = PIECE_CHARACTERS - this.#last.length;
    let end = behindLines(text, from, Math.min(text.length, from + room), lines);
    if (end < text.length && text[end - 1] !== '\n') {
      // At the end of a line where there is one; a line longer than a piece goes on in the next one.
      const newline = text.lastIndexOf('\n', end - 1);
      if (newline >= from) end = newline + 1;
      else if (/[\ud800-\udbff]/.test(text[end - 1]!)) end++;
    }
    this.#last.appendData(text.slice(from, end));
    if (end < text.length) this.#last = null;
    return end;
  }
}
