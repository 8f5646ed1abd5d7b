/**
 * The deadline of a stranger's chat template and tokenizer. Both run on the engine's thread, which receives no message
 * meanwhile, so the worker says before it begins and when it is done, by messages of its own that comlink overlooks;
 * its owner counts the time in between and ends the worker when it is too long.
 */
import { watchSilence } from './silence.ts';

export type TextPart = 'chat template' | 'tokenizer';

interface TextWork {
  textWork: TextPart | null;
  /** Characters to be worked on. */
  characters: number;
}

/** Runs `run` and notifies the owner. */
export type TellTextWork = <T>(part: TextPart, characters: number, run: () => T) => T;

/** For conversations whose owner does not watch: tests, tools, workers that are timed as a whole. */
export const untold: TellTextWork = (_part, _characters, run) => run();

/** For the worker: `post` sends a message to its owner. */
export const tellTextWork =
  (post: (message: TextWork) => void): TellTextWork =>
  (part, characters, run) => {
    post({ textWork: part, characters });
    try {
      return run();
    } finally {
      post({ textWork: null, characters });
    }
  };

/** A short conversation takes some milliseconds; a slow phone encodes some hundred thousand characters a second. */
export const TEXT_DEADLINE_MS = 10_000;
const CHARACTERS_PER_MS = 50;

/** For the owner of the worker. `onLate` is called once, with what has not ended. Returns what ends the watch. */
export function watchTextWork(
  worker: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>,
  onLate: (part: TextPart, seconds: number) => void,
): () => void {
  let end = () => undefined as void;
  const hear = (event: Event): void => {
    const { data } = event as MessageEvent<unknown>;
    if (typeof data !== 'object' || data === null || !('textWork' in data)) return;
    const { textWork, characters } = data as TextWork;
    end();
    end = () => undefined;
    if (textWork === null) return;
    const patience = TEXT_DEADLINE_MS + characters / CHARACTERS_PER_MS;
    end = watchSilence(patience, () => onLate(textWork, Math.round(patience / 1000))).end;
  };
  worker.addEventListener('message', hear);
  return () => {
    end();
    worker.removeEventListener('message', hear);
  };
}
