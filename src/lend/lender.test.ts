/** The lender against guests of every kind, over a real message channel. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  LEND_LIMITS,
  readAsk,
  readGuestMessage,
  type GuestMessage,
  type LenderMessage,
} from '../../workers/shared/lend-protocol.ts';
import { FakeHost } from '../library/testing/fake-host.ts';
import { Lender } from './lender.ts';

const SAMPLING = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 };
const reply = (id: number, content = 'hello'): GuestMessage => ({
  type: 'reply',
  id,
  request: { messages: [{ role: 'user', content }], sampling: SAMPLING, maxTokens: 10, prefix: false },
});

const ports: MessagePort[] = [];
function setUp(change: Partial<FakeHost> = {}) {
  const host = Object.assign(new FakeHost(), { state: 'available' as const, ...change });
  const { port1: guest, port2 } = new MessageChannel();
  ports.push(guest, port2);
  const heard: LenderMessage[] = [];
  guest.onmessage = ({ data }: MessageEvent<LenderMessage>) => heard.push(data);
  const lender = new Lender(port2, host);
  let hostile = 0;
  lender.onHostile = () => hostile++;
  return { host, guest, heard, lender, hostile: () => hostile };
}
afterEach(() => ports.splice(0).forEach((port) => port.close()));

describe('Lender', () => {
  it('says that it was granted, loads, measures and replies', async () => {
    const { guest, heard } = setUp();
    guest.postMessage({ type: 'load', id: 1 });
    guest.postMessage({ type: 'measure', id: 2, messages: [{ role: 'user', content: 'one two' }] });
    guest.postMessage(reply(3));
    await expect.poll(() => heard.filter(({ type }) => type === 'done').length).toBe(3);
    expect(heard[0]).toEqual({ type: 'granted' });
    expect(heard.find((message) => message.type === 'done' && message.id === 1)).toMatchObject({ value: 4096 });
    expect(heard.find((message) => message.type === 'done' && message.id === 2)).toMatchObject({ value: 3 });
    const texts = heard.filter((message) => message.type === 'text');
    expect(texts.map(({ text }) => text).join('')).toBe('You said: hello');
  });

  it.each<[string, unknown]>([
    ['no object', 'x'],
    ['an unknown type', { type: 'list-models', id: 1 }],
    ['a further field', { type: 'load', id: 1, model: 'other' }],
    [
      'a role that a guest has not',
      { ...reply(1), request: { ...reply(1), messages: [{ role: 'tool', content: '' }] } },
    ],
    ['tools', { type: 'reply', id: 1, request: { messages: [{ role: 'user', content: 'x' }], tools: [] } }],
    [
      'a huge text',
      { type: 'measure', id: 1, messages: [{ role: 'user', content: 'x'.repeat(LEND_LIMITS.characters + 1) }] },
    ],
    [
      'many texts that are huge together',
      {
        type: 'measure',
        id: 1,
        messages: Array.from({ length: 9 }, () => ({ role: 'user', content: 'x'.repeat(50_000) })),
      },
    ],
    [
      'too many tokens',
      {
        ...reply(1),
        request: { messages: [{ role: 'user', content: 'x' }], sampling: SAMPLING, maxTokens: 1e9, prefix: false },
      },
    ],
    ['a number that is none', { type: 'load', id: NaN }],
  ])('ends the connection at %s', async (_name, message) => {
    const { guest, heard, host, hostile } = setUp();
    guest.postMessage(message);
    await expect.poll(() => heard.at(-1)?.type).toBe('refused');
    expect(hostile()).toBe(1);
    guest.postMessage(reply(2));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(host.requests).toEqual([]);
    expect(heard.map(({ type }) => type)).toEqual(['granted', 'refused']);
  });

  it('bounds a flood: eight calls at a time, sixty in a minute', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { guest, heard, host } = setUp({ gate });
    for (let id = 1; id <= 20; id++) guest.postMessage(reply(id));
    const errors = () => heard.filter(({ type }) => type === 'error').length;
    await expect.poll(errors).toBe(20 - LEND_LIMITS.open);
    open();
    await expect.poll(() => heard.filter(({ type }) => type === 'done').length).toBe(LEND_LIMITS.open);
    for (let id = 100; id < 300; id++) {
      guest.postMessage({ type: 'measure', id, messages: [{ role: 'user', content: 'x' }] });
      if (id % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await expect.poll(() => heard.filter(({ type }) => type === 'done' || type === 'error').length).toBe(220);
    expect(heard.filter(({ type }) => type === 'done').length).toBeLessThanOrEqual(LEND_LIMITS.perMinute);
    expect(host.requests).toHaveLength(LEND_LIMITS.open);
  });

  it('stops one reply on request, and all of them when the person withdraws', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const { guest, heard, lender } = setUp({ gate });
    guest.postMessage(reply(1));
    guest.postMessage(reply(2));
    guest.postMessage({ type: 'abort', id: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    lender.close();
    lender.close();
    open();
    await expect.poll(() => heard.at(-1)).toEqual({ type: 'refused' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard.filter(({ type }) => type === 'text')).toEqual([]);
  });
});

it.each([null, 3, {}, { phi: 'lend', version: 2 }, { phi: 'lend', version: 1, extra: 1 }])(
  '%j is no request to borrow',
  (data) => {
    expect(readAsk(data)).toBe(false);
  },
);

it('a message of ours is read as it is', () => {
  expect(readGuestMessage(reply(1))).toEqual(reply(1));
});
