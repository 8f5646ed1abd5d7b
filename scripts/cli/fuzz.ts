/** `npm run fuzz`: damaged files for each parser, and damaged conversations and results. Stops at the first that does not end in a typed error within a second and 64 MB. */
import { parseArgs } from 'node:util';
import { addMessage, newConversation, type Conversation } from '../../src/chat/conversation.ts';
import { parseConversation } from '../../src/chat/schema.ts';
import { checkResult } from '../../src/compare/result.ts';
import { laptop } from '../../src/compare/testing/example.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { whole } from './whole.ts';
import { damage, fuzz, FUZZ_TARGETS } from '../../workers/engine/checkpoint/testing/fuzz.ts';
import { seeded } from '../../workers/engine/checkpoint/testing/hostile.ts';

const SECOND_MS = 1000;

interface Options {
  /** Damaged files for each parser, and JSON imports for each schema. */
  count: number;
  imports: number;
  seed: number;
  only: string | undefined;
}

/** Throws with a sentence where an option makes no sense; null for `--help`. */
function parseOptions(): Options | null {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      count: { ...text, default: '20000' },
      imports: { ...text, default: '5000' },
      seed: { ...text, default: '1' },
      only: text,
    },
  });
  if (values.help) return null;
  if (values.only !== undefined && !NAMES.includes(values.only))
    throw new Error(`--only takes one of ${NAMES.join(', ')}, not "${values.only}".`);
  const { count, imports, seed, only } = values;
  return { count: whole(count, 'count', 1), imports: whole(imports, 'imports', 1), seed: whole(seed, 'seed', 1), only };
}

/** JSON files that people exchange, and their readers. */
const IMPORTS: { name: string; json: () => string; parse: (value: unknown) => unknown }[] = [
  {
    name: 'conversations',
    json() {
      const message = (id: string, parent: string | null, role: 'user' | 'assistant') => ({
        id,
        parent,
        role,
        content: 'What is a river?',
        createdAt: 1,
      });
      let conversation: Conversation = { ...newConversation('You are brief.', 1), id: 'c' };
      conversation = addMessage(conversation, message('a', null, 'user'));
      conversation = addMessage(conversation, {
        ...message('b', 'a', 'assistant'),
        reply: { state: 'done', seed: 7, model: 'tiny', reason: 'end' },
      });
      return JSON.stringify(conversation);
    },
    parse: parseConversation,
  },
  { name: 'compare results', json: () => JSON.stringify(laptop()), parse: checkResult },
];

/** Damaged as text. Texts that are no longer JSON never reach the schema, and are not counted. */
function fuzzImports(
  { name, json, parse }: (typeof IMPORTS)[number],
  count: number,
  seed: number,
): { refused: number; parsed: number } {
  const content = new TextEncoder().encode(json());
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
      parse(value);
    } catch (error) {
      if (!(error instanceof PhiError)) throw new Error(`${name} with the seed ${seed + i}`, { cause: error });
      found.refused++;
    }
    if (performance.now() - start > SECOND_MS) throw new Error(`${name} with the seed ${seed + i} took over a second`);
  }
  return found;
}

const NAMES = [...FUZZ_TARGETS, ...IMPORTS].map(({ name }) => name);
const USAGE = `npm run fuzz -- [--count FILES] [--imports FILES] [--seed N] [--only "${NAMES.join('" | "')}"]`;

async function run({ count, imports, seed, only }: Options): Promise<void> {
  const wanted = (target: { name: string }) => only === undefined || only === target.name;
  for (const target of FUZZ_TARGETS.filter(wanted)) {
    const start = performance.now();
    const { files, refused, slowestMs } = await fuzz(target, count, seed);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(
      `${target.name}: ${files} files, ${refused} refused, the slowest ${slowestMs.toFixed(0)} ms, ${seconds} s in all`,
    );
  }
  for (const target of IMPORTS.filter(wanted)) {
    const { parsed, refused } = fuzzImports(target, imports, seed);
    console.log(`${target.name}: ${parsed} files, ${refused} refused`);
  }
}

let options: Options | null;
try {
  options = parseOptions();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  process.exit(2);
}
if (options) await run(options);
else console.log(USAGE);
