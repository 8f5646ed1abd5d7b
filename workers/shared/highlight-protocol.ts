/** Messages between the page and the worker that colours code. Types only. */

/** Ranges of a code, in order and without gaps: where each ends, and its colour (0: that of text, up to 7; src/chat/prose.css). */
export interface Colours {
  ends: Uint32Array<ArrayBuffer>;
  groups: Uint8Array<ArrayBuffer>;
}

export interface HighlightRequest {
  id: number;
  code: string;
  language: string;
}

export interface HighlightAnswer {
  id: number;
  /** null: the language is not known. */
  colours: Colours | null;
}
