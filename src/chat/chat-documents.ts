/** Documents of a chat: what the model is given of them is chosen when their message is answered. Search and library are loaded with the first document. */
import type { Engine } from '../engine/engine.ts';
import { estimateTokens } from '../../workers/shared/token-estimate.ts';
import type { Message, MessageDocument } from './message.ts';

/** Assumed of a server, which does not say how long its context is. */
const SERVER_CONTEXT = 8_192;

/**
 * The documents of the last message on the path, with the texts that the model is given.
 * @param engine counts tokens; null: a server answers, and tokens are estimated
 */
export async function groundPath(
  path: readonly Message[],
  engine: Pick<Engine, 'fit'> | null,
  contextLength: number | null,
): Promise<MessageDocument[]> {
  const [{ ground }, { library }] = await Promise.all([
    import('../documents/grounding.ts'),
    import('../documents/library.ts'),
  ]);
  const count = async (content: string): Promise<number> => {
    if (!engine) return estimateTokens(content);
    const fit = await engine.fit({ messages: [{ role: 'user', content }], maxTokens: 1, droppedBefore: 0 });
    return fit.tokens;
  };
  return ground(path, { library, count, contextLength: contextLength ?? SERVER_CONTEXT });
}

/** Documents that the next message takes along: those that were searched, and those that have left the context. */
export function carriedDocuments(path: readonly Message[], dropped: number): MessageDocument[] {
  const last = path.findLast(({ documents }) => documents !== undefined);
  return (last?.documents ?? []).filter(({ given }) => !given?.whole || path.indexOf(last!) < dropped);
}
