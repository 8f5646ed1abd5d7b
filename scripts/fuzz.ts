/** `npm run fuzz`: damaged files for each parser, and damaged conversations. Stops at the first that does not end in a typed error within a second and 64 MB. */
import { parseArgs } from 'node:util';
import { addMessage, newConversation } from '../src/chat/conversation.ts';
import { parseConversation } from '../src/chat/schema.ts';
import { PhiError } from '../workers/errors.ts';
import { haveFixtures } from '../workers/checkpoint/testing/fixtures.ts';
import { damage, fuzz, FUZZ_TARGETS } from '../workers/checkpoint/testing/fuzz.ts';
import { seeded } from '../workers/checkpoint/testing/hostile.ts';

const SECOND_MS = 1000;
const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { count: { ...text, default: '20000' }, imports: { ...text, default: '5000' }, seed: { ...text, default: '1' }, only: text },
});

/** Conversations as an export holds them, damaged as text. Those that are no JSON any more never reach the schema. */
function fuzzConversations(count: number, seed: number): { refused: number; parsed: number } {
  const message = (id: string, parent: string | null, role: 'user' | 'assistant') => ({ id, parent, role, content: 'What is a river?', createdAt: 1 });
  let conversation = newConversation('You are brief.', 1);
  conversation = addMessage(conversation, message('a', null, 'user'));
  conversation = addMessage(conversation, { ...message('b', 'a', 'assistant'), reply: { state: 'done', seed: 7, model: 'tiny', reason: 'end' } });
  const content = new TextEncoder().encode(JSON.stringify(conversation));
  const found = { refused: 0, parsed: 0 };
  for (let i = 0; found.parsed < count; i++) {
    const random = seeded(seed + i);
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder().decode(damage(content, content.length, true, random)));
    } catch (error) {
      if (error instanceof SyntaxError) continue;
      throw error;
    }
    found.parsed++;
    const start = performance.now();
    try {
      parseConversation(value);
    } catch (error) {
      if (!(error instanceof PhiError)) throw new Error(`a conversation with the seed ${seed + i}`, { cause: error });
      found.refused++;
    }
    if (performance.now() - start > SECOND_MS) throw new Error(`a conversation with the seed ${seed + i} took over a second`);
  }
  return found;
}

const seed = Number(values.seed);
if (!haveFixtures) console.log('skipped all parsers but GGUF: the reference fixtures are absent (../shared/fixtures beside the repository)');
for (const target of FUZZ_TARGETS) {
  if ((!haveFixtures && target.name !== 'gguf') || (values.only !== undefined && values.only !== target.name)) continue;
  const start = performance.now();
  const { files, refused, slowestMs } = await fuzz(target, Number(values.count), seed);
  console.log(
    `${target.name}: ${files} files, ${refused} refused, the slowest ${slowestMs.toFixed(0)} ms, ${((performance.now() - start) / 1000).toFixed(0)} s in all`,
  );
}
if (values.only === undefined) {
  const { parsed, refused } = fuzzConversations(Number(values.imports), seed);
  console.log(`conversations: ${parsed} files, ${refused} refused`);
}
