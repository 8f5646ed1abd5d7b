import { describe, expect, it } from 'vitest';
import { parseServerAddress } from './server-address.ts';

describe('parseServerAddress', () => {
  it.each([
    ['http://127.0.0.1:8080/v1', 'loopback', true],
    ['http://localhost:13305/api/v1/', 'loopback', true],
    ['https://api.example.org/v1', 'encrypted', true],
    ['https://192.168.1.7/v1', 'encrypted', true],
    ['http://192.168.1.7:8080/v1', 'private', false],
    ['http://172.20.0.1/v1', 'private', false],
    ['http://gpubox:11434/v1', 'private', false],
    ['http://nas.local/v1', 'private', false],
    ['http://127.0.0.2:8080/v1', 'private', false],
    ['http://172.32.0.1/v1', 'open', false],
    ['http://example.org/v1', 'open', false],
    ['http://10.example.org/v1', 'open', false],
    ['http://localhost.example.org/v1', 'open', false],
  ])('%s: %s, key %s', (text, reach, mayHaveKey) => {
    const parsed = parseServerAddress(` ${text} `);
    expect(parsed).toMatchObject({ reach, mayHaveKey, address: text.replace(/\/$/, '') });
  });

  it.each([
    ['localhost:8080', /is not an http or https address/],
    ['ftp://localhost/v1', /is not an http or https address/],
    ['http://name:password@localhost/v1', /without a password/],
    ['http://localhost/v1?key=1', /without a password/],
    ['http://[::1]:8080/v1', /IPv6/],
  ])('refuses %s in words', (text, message) => {
    expect(() => parseServerAddress(text)).toThrow(message);
    expect(() => parseServerAddress(text)).not.toThrow(/:password/);
  });
});
