import { describe, expect, it } from 'vitest';
import type { GenerateRequest, GenerateStats, ToolCall } from '../../workers/shared/protocol.ts';
import type { GenerateUpdate } from '../engine/types.ts';
import { answerWithTools, MOST_ROUNDS, type ToolUpdate } from './rounds.ts';
import type { Tool } from './tool.ts';

const REQUEST: GenerateRequest = {
  messages: [{ role: 'user', content: '1+1?' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 },
  maxTokens: 50,
};
const add: Tool = {
  name: 'add',
  description: '',
  parameters: {},
  run: ({ a, b }) => {
    if (typeof a !== 'number' || typeof b !== 'number') throw new Error('Two numbers, please.');
    return { sum: a + b };
  },
};
const CALL: ToolCall = { name: 'add', arguments: { a: 1, b: 1 } };

/** A model that gives these replies in order: calls, or an answer. */
function setUp(replies: (ToolCall[] | string)[], tools: Tool[] = [add]) {
  const requests: GenerateRequest[] = [];
  const controller = new AbortController();
  async function* generate(request: GenerateRequest): AsyncGenerator<GenerateUpdate> {
    await Promise.resolve();
    requests.push(request);
    const reply = replies[requests.length - 1]!;
    yield { type: 'text', text: typeof reply === 'string' ? reply : 'Hm. ', tokens: 1, ids: [1] };
    if (typeof reply !== 'string') yield { type: 'calls', calls: reply };
    yield { type: 'end', reason: 'end', stats: {} as GenerateStats };
  }
  const run = async (request = REQUEST) => {
    const updates: ToolUpdate[] = [];
    for await (const update of answerWithTools(generate, request, tools, {
      signal: controller.signal,
    }))
      updates.push(update);
    return updates;
  };
  return { requests, run, controller };
}

describe('a reply with tools', () => {
  it('runs what is called, and goes on with the results', async () => {
    const { requests, run } = setUp([[CALL, CALL], 'Two.']);
    const updates = await run();
    const round = { text: 'Hm. ', calls: [1, 2].map(() => ({ ...CALL, result: '{"sum":2}' })) };
    expect(updates.map(({ type }) => type)).toEqual(['text', 'calling', 'round', 'text', 'end']);
    expect(updates[2]).toEqual({ type: 'round', round });
    expect(requests[1]!.messages).toEqual([...REQUEST.messages, { role: 'assistant', content: '', rounds: [round] }]);
    expect(requests.map(({ tools }) => tools?.map(({ name }) => name))).toEqual([['add'], ['add']]);
  });

  it('has one answer and no call more than five rounds', async () => {
    const { requests, run } = setUp([...Array.from({ length: MOST_ROUNDS }, () => [CALL]), 'Enough.']);
    const updates = await run();
    expect(updates.filter(({ type }) => type === 'round')).toHaveLength(5);
    expect(requests.map(({ mayCall }) => mayCall)).toEqual([true, true, true, true, true, false]);
    expect(updates.filter(({ type }) => type === 'end')).toHaveLength(1);
  });

  it.each<[string, ToolCall, string]>([
    ['a tool that throws', { name: 'add', arguments: {} }, '{"error":"Two numbers, please."}'],
    ['a tool that is not there', { name: 'rm', arguments: {} }, '{"error":"There is no tool \\"rm\\"."}'],
  ])('tells the model of %s', async (_, call, result) => {
    const { requests, run } = setUp([[call], 'Sorry.']);
    await run();
    expect(requests[1]!.messages[1]!.rounds![0]!.calls).toEqual([{ ...call, result }]);
  });

  it('cuts a long result', async () => {
    const long: Tool = { name: 'add', description: '', parameters: {}, run: () => 'x'.repeat(20_000) };
    const { requests, run } = setUp([[CALL], 'Long.'], [long]);
    await run();
    expect(requests[1]!.messages[1]!.rounds![0]!.calls[0]!.result).toHaveLength(8_001);
  });

  it('stops while a tool runs that never ends', async () => {
    const hangs: Tool = { name: 'add', description: '', parameters: {}, run: () => new Promise(() => undefined) };
    const { requests, run, controller } = setUp([[CALL], 'Never.'], [hangs]);
    const stopped = run().catch((error: unknown) => error);
    await expect.poll(() => requests.length).toBe(1);
    controller.abort();
    expect(await stopped).toMatchObject({ code: 'cancelled' });
    expect(requests).toHaveLength(1);
  });

  it('goes on with the rounds that a reply has', async () => {
    const earlier = { text: '', calls: [{ ...CALL, result: '2' }] };
    const begun = { role: 'assistant' as const, content: 'It is', rounds: [earlier] };
    const { requests, run } = setUp([[CALL], ' two.']);
    const updates = await run({ ...REQUEST, messages: [...REQUEST.messages, begun], continueLast: true });
    const round = { text: 'It isHm. ', calls: [{ ...CALL, result: '{"sum":2}' }] };
    expect(updates).toContainEqual({ type: 'round', round });
    expect(requests[1]!.messages).toEqual([...REQUEST.messages, { ...begun, content: '', rounds: [earlier, round] }]);
    expect(requests[1]!.continueLast).toBe(false);
  });
});
