import { describe, expect, it } from 'vitest';
import { checkAddress, isElsewhere, PRESETS } from './servers.ts';

describe('checkAddress', () => {
  it('takes every preset, and drops a slash at the end', () => {
    for (const { address } of Object.values(PRESETS)) expect(checkAddress(address)).toBe(address);
    expect(checkAddress(' http://localhost:1234/v1/ ')).toBe('http://localhost:1234/v1');
  });

  it.each([
    'http://192.168.0.7:8080/v1',
    'https://api.openai.com/v1',
    'http://localhost.example.com/v1',
    'http://127.0.0.1.example.com/v1',
    'http://example.com#@127.0.0.1/',
    'http://127.0.0.1@example.com/v1',
    'file:///etc/passwd',
    'javascript:alert(1)',
  ])('refuses what is not on this machine: %s', (address) => {
    expect(() => checkAddress(address)).toThrow(/on this device/);
  });

  it('takes another machine’s where it is allowed, and knows which are', () => {
    expect(checkAddress('http://192.168.0.7:8080/v1/', true)).toBe('http://192.168.0.7:8080/v1');
    expect(checkAddress('https://lab.example/v1', true)).toBe('https://lab.example/v1');
    expect(() => checkAddress('file:///etc/passwd', true)).toThrow(/on this device/);
    expect(() => checkAddress('https://me:secret@lab.example/v1', true)).toThrow(/password/);
    const elsewhere = ['http://192.168.0.7:8080/v1', 'https://127.0.0.1/v1', ' https://lab.example'];
    expect(
      [...elsewhere, ...Object.values(PRESETS).map(({ address }) => address), '', 'lab', 'file:///x'].filter(
        isElsewhere,
      ),
    ).toEqual(elsewhere);
  });

  it('refuses passwords and what is no address', () => {
    expect(() => checkAddress('http://me:secret@127.0.0.1/v1')).toThrow(/password/);
    expect(() => checkAddress('127.0.0.1:8080')).toThrow();
    expect(() => checkAddress('')).toThrow(/not an address/);
  });
});
