/** Entry of the worker that colours code: some patterns take seconds on hostile text, and the page ends this worker then. */
import { coloursOf } from './highlight/colours.ts';
import type { HighlightAnswer, HighlightRequest } from './shared/highlight-protocol.ts';

onmessage = ({ data: { id, code, language } }: MessageEvent<HighlightRequest>) => {
  const colours = coloursOf(code, language);
  const answer: HighlightAnswer = { id, colours };
  postMessage(answer, colours ? [colours.ends.buffer, colours.groups.buffer] : []);
};
