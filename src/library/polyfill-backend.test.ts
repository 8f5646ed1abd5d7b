// @vitest-environment jsdom
/**
 * The calls that prompt-api-polyfill makes of a back end, in its order, as written down from prompt-api-polyfill.js of
 * GoogleChromeLabs/web-ai-demos at 673f35a6f5736a884c605c5549fc35608c3d5132 (the package is on npm, but not everywhere).
 */
import { describe, expect, it } from 'vitest';
import { FakeHost } from './testing/fake-host.ts';
import { definePolyfillBackend, type PolyfillContent } from './polyfill-backend.ts';

const user = (text: string): PolyfillContent => ({ role: 'user', parts: [{ text }] });
const model = (text: string): PolyfillContent => ({ role: 'model', parts: [{ text }] });
const SCHEMA = { type: 'object', properties: { rating: { type: 'number' } }, required: ['rating'] };

function setUp(change: Partial<FakeHost> = {}) {
  const host = Object.assign(new FakeHost(), change);
  return { host, Backend: definePolyfillBackend(host, 'phi') };
}

describe('the back end for prompt-api-polyfill', () => {
  it('serves LanguageModel.create() and prompt()', async () => {
    const { host, Backend } = setUp();
    expect(await Backend.availability({})).toBe('available');
    const backend = new Backend();
    expect(backend.modelName).toBe('phi');
    const monitor = new EventTarget();
    const progress: number[] = [];
    monitor.addEventListener('downloadprogress', (event) => progress.push((event as ProgressEvent).loaded));
    const params = { systemInstruction: 'Be brief.', generationConfig: { temperature: 0, topK: 3 } };
    await backend.createSession({}, params, monitor);
    expect(progress).toEqual([0.25, 0.5]);
    // Before a prompt it counts, with the system prompt in front.
    expect(await backend.countTokens([{ role: 'system', parts: [{ text: 'Be brief.' }] }, user('hello')])).toBe(5);
    const { text, usage } = await backend.generateContent([user('hi'), model('hello'), user('how are you')]);
    expect(text).toBe('You said: how are you');
    expect(usage).toBeGreaterThan(8);
    expect(host.requests[0]).toMatchObject({
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'hello' },
        { role: 'user', content: 'how are you' },
      ],
      sampling: { temperature: 0, topK: 3 },
      constraint: null,
      prefix: false,
    });
  });

  it('streams, and stops when the polyfill leaves the stream', async () => {
    const { host, Backend } = setUp({ answer: () => ['a', 'b', 'c'] });
    const backend = new Backend();
    await backend.createSession({}, {});
    const pieces: string[] = [];
    let tokens = 0;
    for await (const chunk of await backend.generateContentStream([user('x')])) {
      pieces.push(chunk.text());
      tokens = chunk.usageMetadata.totalTokenCount || tokens;
    }
    expect(pieces).toEqual(['a', 'b', 'c', '']);
    expect(tokens).toBeGreaterThan(0);
    let signal: AbortSignal | undefined;
    const reply = host.reply.bind(host);
    host.reply = (request, given) => {
      signal = given;
      return reply(request, given);
    };
    const stream = await backend.generateContentStream([user('x')]);
    await stream.next();
    await stream.return();
    expect(signal!.aborted).toBe(true);
  });

  it('holds replies to a schema: its own form, and that of versions without convertSchema', async () => {
    const { host, Backend } = setUp();
    const backend = new Backend();
    expect(backend.convertSchema(SCHEMA)).toBe(SCHEMA);
    // The polyfill does not wait for it here.
    void backend.createSession({}, { generationConfig: { responseSchema: backend.convertSchema(SCHEMA) } });
    await backend.generateContent([user('x')]);
    expect(host.requests[0]!.constraint).toEqual({ kind: 'json', schema: SCHEMA });
    const vertex = {
      type: 'object',
      nullable: false,
      properties: {
        rating: { type: 'number', nullable: true },
        tags: { type: 'array', items: { type: 'string', nullable: false } },
      },
      required: ['rating'],
    };
    void backend.createSession({}, { generationConfig: { responseSchema: vertex } });
    await backend.generateContent([user('x')]);
    expect(host.requests[1]!.constraint).toEqual({
      kind: 'json',
      schema: {
        type: 'object',
        properties: {
          rating: { anyOf: [{ type: 'number' }, { type: 'null' }] },
          tags: { type: 'array', items: { type: 'string' } },
        },
        required: ['rating'],
      },
    });
  });

  it('says what it cannot do', async () => {
    const { host, Backend } = setUp({ state: 'unavailable' });
    expect(await Backend.availability()).toBe('unavailable');
    host.state = 'available';
    expect(await Backend.availability({ expectedInputs: [{ type: 'image' }] })).toBe('unavailable');
    const picture = [{ role: 'user' as const, parts: [{ inlineData: { mimeType: 'image/png' } }] }];
    const backend = new Backend();
    await expect(backend.generateContent(picture as never)).rejects.toMatchObject({ name: 'NotSupportedError' });
    host.failure = new Error('no memory');
    await expect(backend.createSession({}, {})).rejects.toThrow('no memory');
    await expect(backend.generateContent([user('x')])).rejects.toThrow('no memory');
  });
});
