/** A reply that calls tools, from the request to its events: a decoder that wants to write a given text, and may write what the masks allow. */
import { describe, expect, it } from 'vitest';
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Choice, Decoder } from '../decoder.ts';
import { mayChoose } from '../decoder.ts';
import { Constraints } from '../constraint/constraint.ts';
import type { GenerateEvent, GenerateRequest } from '../../shared/protocol.ts';
import { createConversation, type Conversation } from '../tokenizer/conversation.ts';
import { PHI_CONTROLS, tinyByteLevel } from '../tokenizer/testing/tiny.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { generateReply } from './reply.ts';
import { Sequence } from './sequence.ts';

const tokenizer = createTokenizer(
  tinyByteLevel(
    [],
    [
      ...PHI_CONTROLS,
      '<|endofprompt|>',
      '<|tool|>',
      '<|/tool|>',
      '<|tool_call|>',
      '<|/tool_call|>',
      '<|tool_response|>',
    ],
  ),
);
const conversation = createConversation(tokenizer, { chatTemplate: null });
const END = tokenizer.tokenId('<|end|>')!;
const config = { vocab: tokenizer.vocabSize, ropeScaling: null, eos: [END] } as Partial<PhiConfig> as PhiConfig;

const REQUEST: GenerateRequest = {
  messages: [{ role: 'user', content: 'Roll!' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 },
  maxTokens: 400,
  tools: [
    {
      name: 'roll',
      description: 'Rolls.',
      parameters: { type: 'object', properties: { sides: { enum: [6, 20] } }, required: ['sides'] },
    },
  ],
};

/** Wants the token of `script` at each place of the reply; where the mask forbids it, the first that is allowed. */
function scripted(script: readonly number[], promptLength: () => number): Decoder {
  const choose = (at: number, { mask }: Choice): number => {
    const wanted = script[at - promptLength()] ?? END;
    if (!mask || mayChoose(mask, config.vocab, 0, wanted)) return wanted;
    return [...Array(config.vocab).keys()].find((id) => mayChoose(mask, config.vocab, 0, id))!;
  };
  return {
    slots: 4096,
    chunkTokens: 64,
    maxSteps: 1,
    chunk: ({ ids, past, choice }) => Promise.resolve({ chosen: choice ? [choose(past + ids.length, choice)] : [] }),
    decode: (_id, past, _rope, choice) => Promise.resolve([choose(past + 1, choice)]),
  } as Partial<Decoder> as Decoder;
}

async function reply(wanted: string, change: Partial<GenerateRequest> = {}, by: Conversation = conversation) {
  const request = { ...REQUEST, ...change };
  const events: GenerateEvent[] = [];
  const script = tokenizer.encode(wanted, { special: true });
  const prompt = conversation.encode(request.messages, { tools: request.tools }).length;
  const decoder = scripted(script, () => prompt);
  const constraints = new Constraints(tokenizer, config.vocab, [END, ...tokenizer.ends]);
  const controller = new AbortController();
  await generateReply(
    new Sequence(decoder, config),
    by,
    config.eos,
    request,
    controller.signal,
    (event) => events.push(event),
    { constraints },
  );
  const texts = events.flatMap((event) => (event.type === 'text' ? event : []));
  return {
    text: texts.map(({ text }) => text).join(''),
    ids: texts.flatMap(({ ids }) => ids),
    calls: events.find((event) => event.type === 'calls')?.calls ?? [],
    end: events.at(-1) as Extract<GenerateEvent, { type: 'end' }>,
  };
}

const CALL = { name: 'roll', arguments: { sides: 20 } };

it('a reply without tools does not ask how the model calls them', async () => {
  const asked = () => {
    throw new Error('asked');
  };
  const mute = Object.create(conversation, { callSpelling: { get: asked } }) as Conversation;
  expect((await reply('Six.', { tools: undefined }, mute)).text).toBe('Six.');
});

describe('a reply that may call tools', () => {
  it('is text where the model writes text', async () => {
    expect(await reply('No need: it is 4.')).toMatchObject({
      text: 'No need: it is 4.',
      calls: [],
      end: { reason: 'end' },
    });
  });

  it.each([
    ['by control tokens', '<|tool_call|>[{"name": "roll", "arguments": {"sides": 20}}]<|/tool_call|>', ''],
    [
      'behind text',
      'Let me roll.<|tool_call|>[{"name": "roll", "arguments": {"sides": 20}}]<|/tool_call|>',
      'Let me roll.',
    ],
    ['as functools', 'functools[{"name": "roll", "arguments": {"sides": 20}}]', ''],
    [
      'with a name and arguments that are wrong',
      '<|tool_call|>[{"name": "rock", "arguments": {"sides": 21}}]<|/tool_call|>',
      '',
    ],
  ])('calls %s', async (_, wanted, text) => {
    const { calls, end, ...rest } = await reply(wanted);
    expect({ calls, text: rest.text }).toEqual({ calls: [CALL], text });
    expect(end.reason).toBe('end');
    // The call's name is certain, so it is read in one piece and not chosen.
    expect(end.stats.constraint!.forced).toBeGreaterThan(10);
  });

  it('goes on in the middle of a call as after a lost backend', async () => {
    const wanted = 'So.<|tool_call|>[{"name": "roll", "arguments": {"sides": 20}}]<|/tool_call|>';
    const whole = await reply(wanted);
    for (const kept of [2, 3, 4, 20, whole.ids.length - 1]) {
      const rest = await reply(wanted, { resume: whole.ids.slice(0, kept) });
      expect(rest.calls).toEqual([CALL]);
      expect(rest.ids).toEqual(whole.ids.slice(kept));
    }
  });

  it('completes a call within the tokens that are left', async () => {
    const { calls, end } = await reply('<|tool_call|>[{"name": "roll", "arguments": {"sides": 6}}, ', {
      maxTokens: 60,
    });
    expect(calls).toEqual([{ name: 'roll', arguments: { sides: 6 } }]);
    expect(end.reason).toBe('end');
  });

  it('answers where no call is allowed any more', async () => {
    const { calls, text } = await reply('<|tool_call|>[', { mayCall: false });
    expect(calls).toEqual([]);
    expect(text).not.toBe('');
  });

  it('without tools is free, whatever it writes', async () => {
    const wanted = 'functools[1] <tool_call>';
    expect(await reply(wanted, { tools: undefined })).toMatchObject({ text: wanted, calls: [] });
  });
});
