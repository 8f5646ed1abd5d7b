/** Greedy tokens with a cache that went through the form in which it is kept, beside those of the same cache as it was computed. */
import { GREEDY } from '../../../shared/greedy.ts';
import type { KeptReplay } from '../../../shared/evaluate-protocol.ts';
import { emptyRows, type KvRows } from '../../decoder.ts';
import { generateTokens } from '../../generate/generate.ts';
import { Sequence } from '../../generate/sequence.ts';
import type { Model } from '../../model.ts';
import { decodePart, encodePart } from '../codec.ts';

/** Tokens of the prompt that a part holds; the last part is shorter. */
const PART_TOKENS = 96;

export async function keptReplay(
  { decoder, config }: Model,
  prompt: readonly number[],
  count: number,
): Promise<KeptReplay> {
  const kept = prompt.slice(0, -1);
  const read = async (fill: ((sequence: Sequence) => Promise<void>) | null) => {
    const sequence = new Sequence(decoder, config);
    await fill?.(sequence);
    const ids: number[] = [];
    for await (const event of generateTokens(sequence, prompt, {
      sampling: GREEDY,
      maxTokens: count,
      eos: [],
      drafts: false,
    })) {
      if (event.type === 'first') ids.push(event.id);
      else if (event.type === 'tokens') ids.push(...event.ids);
    }
    return { ids, rope: sequence.rope };
  };
  const plain = await read(null);
  const encoded: { tokens: number; bytes: Uint8Array<ArrayBuffer> }[][] = [];
  const exact: KvRows[] = [];
  for (let layer = 0; layer < config.layers; layer++) {
    const rows = await decoder.kv.read(layer, 0, kept.length);
    exact.push(rows);
    const parts = [];
    for (let from = 0; from < kept.length; from += PART_TOKENS) {
      const to = Math.min(kept.length, from + PART_TOKENS);
      parts.push({ tokens: to - from, bytes: encodePart(config, rows, kept.length, from, to)! });
    }
    encoded.push(parts);
  }
  const asKept = await read((sequence) =>
    sequence.fill(kept, plain.rope, (layer) => {
      const rows = emptyRows(config.kvHeads, kept.length, config.headDim);
      let at = 0;
      for (const { tokens, bytes } of encoded[layer]!) {
        decodePart(config, tokens, bytes, rows, kept.length, at);
        at += tokens;
      }
      return Promise.resolve(rows);
    }),
  );
  const asComputed = await read((sequence) =>
    sequence.fill(kept, plain.rope, (layer) => Promise.resolve(exact[layer]!)),
  );
  return { plain: plain.ids, kept: asKept.ids, exact: asComputed.ids };
}
