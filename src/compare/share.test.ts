import { describe, expect, it } from 'vitest';
import { row, result } from './testing/results.ts';
import { fromFragment, toFragment } from './share.ts';

const packed = async (value: Parameters<typeof toFragment>[0]) => (await toFragment(value)).replace('/compare/', '');

async function deflate(text: string): Promise<string> {
  const bytes = await new Response(
    new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw')),
  ).arrayBuffer();
  return Buffer.from(bytes).toString('base64url');
}

describe('a link', () => {
  it('carries the whole result', async () => {
    const fragment = await packed(result());
    expect(fragment).toMatch(/^[\w-]+$/);
    expect(await fromFragment(fragment)).toEqual(result());
  });

  it('leaves replies out before it becomes too long', async () => {
    const noise = () =>
      Array.from({ length: 150 }, () => String.fromCharCode(33 + Math.floor(Math.random() * 90))).join('');
    const long = row({ reply: Array.from({ length: 1000 }, (_, i) => [i, noise()] as [number, string]) });
    const read = await fromFragment(await packed(result([long])));
    expect(read.rows).toEqual([{ ...long, reply: [], traces: [] }]);
  });

  it('leaves raw traces out first', async () => {
    const arrivals = Array.from({ length: 2_000 }, () => [Math.random() * 1e6, 1, 3] as [number, number, number]);
    const long = row({ traces: Array.from({ length: 5 }, () => ({ promptTokens: 32, arrivals })) });
    expect((await fromFragment(await packed(result([long])))).rows).toEqual([{ ...long, traces: [] }]);
  });

  it.each([
    ['no base64', '%%%', /damaged/],
    ['cut off', 'fVLLbtswEPwVgWe', /damaged/],
    ['too long', 'A'.repeat(100_000), /too long to be a result/],
  ])('is refused when it is %s', async (_what, fragment, message) => {
    await expect(fromFragment(fragment)).rejects.toThrow(message);
  });

  it('is refused when it unfolds without end, and when it holds something else', async () => {
    await expect(fromFragment(await deflate('0'.repeat(20_000_000)))).rejects.toThrow(/expands to more than/);
    await expect(fromFragment(await deflate('{"format":"other"}'))).rejects.toThrow(/not a result of this page/);
  });
});
