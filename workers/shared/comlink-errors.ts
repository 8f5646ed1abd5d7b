/**
 * Errors across comlink. Its own handler for thrown values keeps `name`, `message` and `stack` only, so a PhiError would lose its
 * code. Called once on each side, before the first call; free of DOM and worker globals, so that both projects compile it.
 */
import { transferHandlers } from 'comlink';
import type { TransferHandler } from 'comlink';
import type { ErrorShape } from './errors.ts';
import { PhiError } from './errors.ts';

/** The value that comlink passes to the handler: the thrown value under a private marker, hence `canHandle` is taken over from its handler. */
interface Thrown {
  value: unknown;
}

let installed = false;

/** Makes every rejection that crosses comlink arrive as a `PhiError` with its code and detail. Idempotent. */
export function installErrorTransfer(): void {
  if (installed) return;
  const original = transferHandlers.get('throw');
  if (!original)
    throw new PhiError('internal', 'comlink has no handler for thrown values; errors would lose their codes.');
  const handler: TransferHandler<Thrown, ErrorShape> = {
    canHandle: (value): value is Thrown => original.canHandle(value),
    serialize: ({ value }) => [PhiError.from(value).toShape(), []],
    deserialize: (shape) => {
      throw PhiError.fromShape(shape);
    },
  };
  transferHandlers.set('throw', handler);
  installed = true;
}
