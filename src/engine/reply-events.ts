/** The events of a reply that a worker makes, as a stream that can be left. */
import { PhiError } from '../../workers/shared/errors.ts';
import type { GenerateEvent } from '../../workers/shared/protocol.ts';
import { AsyncQueue } from './async-queue.ts';
import type { GenerateUpdate } from './types.ts';

/** Events and the call's own reply come through different ports; the last event may arrive a little after the reply. */
const LAST_EVENT_MS = 1_000;

/**
 * Streams what `start` hears until the event `end`. An event `error` and a failed call throw.
 * @param start calls the worker; settles with the call
 * @param onLeave is called once, when nobody reads any more. It must stop a reply that has not ended (`ended` is false); the stream then waits until
 *   the call has settled
 */
export async function* replyEvents(
  start: (onEvent: (event: GenerateEvent) => void) => Promise<void>,
  onLeave: (ended: boolean) => void,
): AsyncGenerator<GenerateUpdate, void, void> {
  const events = new AsyncQueue<GenerateEvent>();
  const call = start((event) => events.push(event)).then(
    () => setTimeout(() => events.close(), LAST_EVENT_MS),
    (error: unknown) => events.fail(error),
  );
  let ended = false;
  try {
    for await (const event of events) {
      if (event.type === 'error') throw PhiError.fromShape(event.error);
      ended = event.type === 'end';
      yield event;
      if (ended) return;
    }
    throw new PhiError('internal', 'The reply ended without its closing event.');
  } finally {
    onLeave(ended);
    const timer = await call;
    if (timer !== undefined) clearTimeout(timer);
  }
}
