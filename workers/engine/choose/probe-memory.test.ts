import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { PhiError } from '../../shared/errors.ts';
import { Table } from '../../shared/database.ts';
import { NOT_BACK, parseFinding, ProbeMemory } from './probe-memory.ts';

const records = new Table<unknown>('phi-probes');
const memory = (forgive = false, prefix = 'one|') => new ProbeMemory(prefix, forgive, records);
const options = { risky: true, isFinal: ({ code }: PhiError) => code === 'backend' };
const never = new Promise<never>(() => undefined);

vi.stubGlobal('navigator', {}); // Node 20 has none, and no locks either
beforeEach(() => records.deleteAll(''));

describe('ProbeMemory', () => {
  it('keeps what was found, for the same browser and code only', async () => {
    expect(
      await memory().attempt('a', options, () => Promise.resolve({ value: 7, result: { state: 'good', ms: 3 } })),
    ).toBe(7);
    expect(await memory().recall('a')).toEqual({ state: 'good', ms: 3 });
    expect(await memory(false, 'two|').recall('a')).toBeNull();
  });

  it('says of what never came back that it was tried', async () => {
    void memory().attempt('a', options, () => never);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await memory().recall('a')).toEqual({ state: 'bad', why: NOT_BACK });
    expect(await memory(true).recall('a')).toBeNull();
  });

  it('leaves no mark where there is nothing else to turn to', async () => {
    void memory().attempt('a', { ...options, risky: false }, () => never);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await memory().recall('a')).toBeNull();
  });

  it('keeps an error that would be the same again, and no other', async () => {
    const failing = (code: 'backend' | 'out-of-memory') => () => Promise.reject(new PhiError(code, 'no'));
    await expect(memory().attempt('a', options, failing('backend'))).rejects.toThrow('no');
    await expect(memory().attempt('b', options, failing('out-of-memory'))).rejects.toThrow('no');
    expect(await memory().recall('a')).toEqual({ state: 'bad', why: 'no' });
    expect(await memory().recall('b')).toBeNull();
  });

  it.each([null, 3, {}, { state: 'bad' }, { state: 'perhaps' }])('takes %j for nothing', (value) => {
    expect(parseFinding(value)).toBeNull();
  });

  it('reads numbers only as numbers', () => {
    expect(parseFinding({ state: 'good', ms: '3', logprobs: [1, 'x'] })).toEqual({ state: 'good' });
  });

  it('forgets', async () => {
    await memory().attempt('a', options, () => Promise.resolve({ value: 1, result: { state: 'good' } }));
    await memory().forgetAll();
    expect(await memory().recall('a')).toBeNull();
  });
});
