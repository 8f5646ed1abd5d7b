import { afterEach, describe, expect, it, vi } from 'vitest';
import { httpSource } from './http-source.ts';

const SIZE = 3 * (1 << 20) + 17;
const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 31 + (i >> 8)) & 255);
const URL_ = 'http://localhost/model';

/** Serves `bytes` by range; returns the ranges asked for. */
function server(answer?: (start: number, end: number) => Response): [number, number][] {
  const asked: [number, number][] = [];
  vi.stubGlobal('fetch', (_url: string, init: { headers: { Range: string } }) => {
    const [start, end] = /bytes=(\d+)-(\d+)/.exec(init.headers.Range)!.slice(1).map(Number) as [number, number];
    asked.push([start, end]);
    const fallback = (): Response =>
      new Response(bytes.slice(start, end + 1), {
        status: 206,
        headers: { 'Content-Range': `bytes ${start}-${end}/${SIZE}` },
      });
    return Promise.resolve(answer ? answer(start, end) : fallback());
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

describe('httpSource', () => {
  it('reads any range, across blocks and at the end', async () => {
    server();
    const source = httpSource('m', URL_, SIZE);
    for (const [offset, length] of [
      [0, 4],
      [(1 << 20) - 2, 5],
      [SIZE - 3, 3],
      [5, 0],
      [100, 2 << 20],
    ] as const) {
      const wanted = bytes.subarray(offset, offset + length);
      expect(Buffer.compare(await source.read(offset, length), wanted)).toBe(0);
      expect(Buffer.compare(new Uint8Array(await (await source.blob(offset, length)).arrayBuffer()), wanted)).toBe(0);
    }
  });

  it('asks once for neighbouring small reads', async () => {
    const asked = server();
    const source = httpSource('m', URL_, SIZE);
    for (let offset = 0; offset < 4096; offset += 8) await source.read(offset, 8);
    expect(asked).toEqual([[0, (1 << 20) - 1]]);
  });

  it('refuses what is outside the file, a server without ranges, and wrong bytes', async () => {
    server();
    await expect(httpSource('m', URL_, SIZE).read(SIZE - 1, 2)).rejects.toMatchObject({ code: 'bad-model' });
    server(() => new Response(bytes));
    await expect(httpSource('m', URL_, SIZE).read(0, 4)).rejects.toMatchObject({ code: 'network' });
    server(() => new Response('short', { status: 206 }));
    await expect(httpSource('m', URL_, SIZE).read(0, 4)).rejects.toMatchObject({ code: 'integrity' });
    server(
      (start, end) =>
        new Response(bytes.slice(start, end + 1), {
          status: 206,
          headers: { 'Content-Range': `bytes ${start}-${end}/5` },
        }),
    );
    await expect(httpSource('m', URL_, SIZE).read(0, 4)).rejects.toMatchObject({ code: 'integrity' });
  });

  it('does not remember a failure', async () => {
    let broken = true;
    server((start, end) =>
      broken ? new Response(null, { status: 503 }) : new Response(bytes.slice(start, end + 1), { status: 206 }),
    );
    const source = httpSource('m', URL_, SIZE);
    await expect(source.read(0, 4)).rejects.toMatchObject({ code: 'network', detail: { status: 503 } });
    broken = false;
    expect(await source.read(0, 4)).toEqual(bytes.slice(0, 4));
  });
});
