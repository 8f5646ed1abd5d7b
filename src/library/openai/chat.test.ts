import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_MANIFEST } from '../../testing/fake-models.ts';
import type { PhiEngine } from '../engine.ts';
import { fakePageEngine } from '../testing/fake-page-engine.ts';
import { createOpenAI } from './chat.ts';
import type { ChatCompletionChunk, ChatCompletionParams } from './types.ts';

const HELLO: ChatCompletionParams = { messages: [{ role: 'user', content: 'hello' }], max_tokens: 6 };
let engine: PhiEngine;

beforeEach(async () => {
  engine = fakePageEngine();
  await engine.load({ manifest: FAKE_MANIFEST });
});
afterEach(() => engine.dispose());

describe('chat.completions.create', () => {
  it('answers whole, with usage', async () => {
    const completion = await createOpenAI(engine).chat.completions.create({ ...HELLO, stream: false });
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model: FAKE_MANIFEST.name,
      choices: [{ index: 0, message: { role: 'assistant' }, finish_reason: 'length' }],
      usage: { completion_tokens: 6 },
    });
    const { usage } = completion;
    expect(usage.total_tokens).toBe(usage.prompt_tokens + 6);
    expect(completion.choices[0]!.message.content).not.toBe('');
  });

  it('streams chunks that say the same', async () => {
    const { completions } = createOpenAI(engine).chat;
    const whole = await completions.create({ ...HELLO, stream: false });
    const stream = await completions.create({ ...HELLO, stream: true, stream_options: { include_usage: true } });
    const chunks: ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(
      whole.choices[0]!.message.content,
    );
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('length');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  it('is ended by its signal and by its controller', async () => {
    const { completions } = createOpenAI(engine).chat;
    const long: ChatCompletionParams = { messages: [{ role: 'user', content: 'a long one' }] };
    for (const own of [true, false]) {
      const controller = new AbortController();
      const stream = await completions.create({ ...long, stream: true }, { signal: controller.signal });
      const run = async (): Promise<void> => {
        for await (const chunk of stream)
          if (chunk.choices[0]?.delta.content) (own ? stream.controller : controller).abort();
      };
      await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
    }
    await expect(completions.create(long, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it.each([
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ frequency_penalty: 1 }, 'frequency_penalty'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] }, 'messages[0].content'],
  ])('refuses %j by name', async (change, param) => {
    const params = { ...HELLO, ...change } as unknown as ChatCompletionParams;
    await expect(createOpenAI(engine).chat.completions.create(params)).rejects.toMatchObject({ status: 400, param });
  });

  it('says that the prompt is too long, and that nothing is loaded', async () => {
    const { completions } = createOpenAI(engine).chat;
    const long = { messages: [{ role: 'user' as const, content: 'x'.repeat(100_000) }] };
    await expect(completions.create(long)).rejects.toMatchObject({ code: 'context_length_exceeded' });
    await engine.unload();
    await expect(completions.create(HELLO)).rejects.toMatchObject({ code: 'no-model' });
  });
});
