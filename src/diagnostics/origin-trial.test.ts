import { describe, expect, it } from 'vitest';
import { readToken } from './origin-trial.ts';

/** A token as browsers read it, its signature zeros. */
function makeToken(payload: string, { version = 3, length = payload.length } = {}): string {
  const bytes = new Uint8Array(69 + payload.length);
  bytes[0] = version;
  new DataView(bytes.buffer).setUint32(65, length);
  bytes.set(new TextEncoder().encode(payload), 69);
  return btoa(String.fromCharCode(...bytes));
}

const PAYLOAD = {
  origin: 'https://example.org:443',
  feature: 'WebMachineLearningNeuralNetwork',
  expiry: 1_800_000_000,
};

describe('readToken', () => {
  it('reads origin, feature and expiry', () => {
    const expected = { origin: PAYLOAD.origin, feature: PAYLOAD.feature, expires: 1_800_000_000_000 };
    expect(readToken(makeToken(JSON.stringify(PAYLOAD)))).toEqual(expected);
    expect(readToken(` ${makeToken(JSON.stringify({ ...PAYLOAD, isSubdomain: true }), { version: 2 })}\n`)).toEqual(
      expected,
    );
  });

  it.each([
    ['nothing', ''],
    ['no base64', 'not a token!'],
    ['too short', btoa('abc')],
    ['another version', makeToken(JSON.stringify(PAYLOAD), { version: 9 })],
    ['a cut payload', makeToken(JSON.stringify(PAYLOAD), { length: 10 })],
    ['other fields', makeToken('{"origin":1}')],
  ])('takes %s for no token', (_what, token) => {
    expect(readToken(token)).toBeNull();
  });
});
