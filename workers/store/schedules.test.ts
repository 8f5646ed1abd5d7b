/**
 * Random fault schedules, seeded. Whatever the server does on the first visit, it ends with a verified model or a clear error, never
 * with a model of wrong bytes, and the next visit mends it. A shard that is stored is not asked for again.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serveSampleModel, type Hashes, type SampleModel } from './testing/sample-model.ts';
import { integer, pick, seeded } from './testing/random.ts';
import { FaultServer, type ServerFault } from './testing/fault-server.ts';
import { beforePut, digests, freshDatabases, impatient, readAll } from './testing/databases.ts';
import { PhiError } from '../shared/errors.ts';
import type { Net } from './net.ts';
import { ModelStore } from './store.ts';

const SCHEDULES = 200;
const CODES = ['network', 'integrity', 'cancelled', 'quota'];

let server: FaultServer;
beforeAll(async () => void (server = await new FaultServer().start()));
afterAll(() => server.stop());

function randomFault(random: () => number, hashes: Hashes): ServerFault {
  const some = () => integer(random, 8_000);
  const faults: (() => ServerFault)[] = [
    () => ({ kind: 'drop', afterBytes: some() }),
    () => ({ kind: 'drop', afterBytes: some() }),
    () => ({ kind: 'short', bytes: some() }),
    () => ({ kind: 'drip', bytes: 2_000, pauseMs: 1 }),
    () => ({ kind: 'status', status: pick(random, [500, 502, 503, 429, 416, 404]), retryAfter: '0' }),
    () => ({ kind: 'ignore-range' }),
    () => ({ kind: 'wrong-length', difference: pick(random, [-50, 50]) }),
    () => ({ kind: 'etag', etag: '"other"' }),
  ];
  // A stall costs the whole patience, so it is rare here; download.test.ts has it on its own.
  if (random() < 0.03) return { kind: 'stall', afterBytes: some() };
  // A wrong byte that no published hash covers cannot be seen by anybody.
  if (hashes !== 'none' && random() < 0.15) return { kind: 'wrong-byte', at: some() };
  return pick(random, faults)();
}

/** As a hub on another origin looks from a page: Content-Length is all that can be read. */
const hidingFetch: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  const length = response.headers.get('Content-Length');
  const seen = new Response(response.body, {
    status: response.status,
    headers: length === null ? {} : { 'Content-Length': length },
  });
  return Object.defineProperty(seen, 'url', { value: response.url });
};

/** A request as the store makes it: the server hears of it later, perhaps only after a shard was stored. */
interface Asked {
  url: string;
  range: string | null;
}

function watchAsked(net: Partial<Net>): Asked[] {
  const asked: Asked[] = [];
  const inner = net.fetch!;
  net.fetch = (input, init) => {
    asked.push({ url: new Request(input).url, range: new Headers(init?.headers).get('Range') });
    return inner(input, init);
  };
  return asked;
}

/** Where each stored shard lies, and how many requests had been made when it was written. */
function watchStored(sample: SampleModel, asked: Asked[]): { stored: Map<string, number>; end: () => void } {
  const stored = new Map<string, number>();
  const end = beforePut((database, _value, key, transaction) => {
    if (database !== 'phi-shards') return;
    transaction.addEventListener('complete', () =>
      stored.set((key as string).slice(sample.manifest.id.length + 1), asked.length),
    );
  });
  return { stored, end };
}

function requestsForStored(sample: SampleModel, asked: Asked[], stored: Map<string, number>): Asked[] {
  return asked.filter((request, i) =>
    sample.manifest.files.some(({ path, shards }) =>
      shards.some(({ url, offset, bytes, wholeUrl }, index) => {
        if ((stored.get(`${path}/${index}`) ?? Infinity) > i || url !== request.url) return false;
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.range ?? '') ?? [];
        // Without a range: the shard's own URL, or a file read in order because the server ignored ranges.
        return from === undefined ? wholeUrl : Number(from) < offset + bytes && Number(to) >= offset;
      }),
    ),
  );
}

async function visit(net: Partial<Net>, sample: SampleModel, signal?: AbortSignal): Promise<PhiError | null> {
  const store = new ModelStore(net);
  try {
    await store.install(sample.manifest, { signal });
    return null;
  } catch (cause) {
    expect(cause).toBeInstanceOf(PhiError);
    return cause as PhiError;
  }
}

async function isWhole(net: Partial<Net>, sample: SampleModel): Promise<boolean> {
  const store = new ModelStore(net);
  if (!(await store.find(sample.manifest.id))) return false;
  expect(digests(await readAll(await store.openStored(sample.manifest.id)))).toEqual(digests(sample.contents));
  return true;
}

async function runSchedule(seed: number): Promise<string> {
  const random = seeded(seed);
  freshDatabases();
  server.files.clear();
  const hashes = pick<Hashes>(random, ['shards', 'shards', 'files', 'none']);
  const sample = serveSampleModel(server, random, hashes);
  const net = { ...impatient(random() < 0.5 ? server.origin : 'http://elsewhere.test', 400) };
  if (net.origin !== server.origin) net.fetch = hidingFetch;
  const density = random() * 0.7;
  server.fault = () => (random() < density ? randomFault(random, hashes) : null);
  const asked = watchAsked(net);
  const closing = random() < 0.3 ? AbortSignal.timeout(integer(random, 60)) : undefined;

  const first = watchStored(sample, asked);
  const error = await visit(net, sample, closing);
  if (hashes === 'shards') expect(requestsForStored(sample, asked, first.stored)).toEqual([]);
  if (error) expect(CODES).toContain(error.code);
  expect(await isWhole(net, sample)).toBe(error === null);

  server.fault = () => null;
  const before = asked.length;
  if (hashes === 'shards') for (const key of first.stored.keys()) first.stored.set(key, before);
  expect(await visit(net, sample)).toBeNull();
  if (hashes === 'shards') expect(requestsForStored(sample, asked, first.stored)).toEqual([]);
  first.end();
  expect(await isWhole(net, sample)).toBe(true);
  return error?.code ?? 'whole';
}

it(
  `${SCHEDULES} random fault schedules end whole or in a clear error, and the next visit mends them`,
  { timeout: 120_000 },
  async () => {
    const outcomes: Record<string, number> = {};
    for (let seed = 1; seed <= SCHEDULES; seed++) {
      const outcome = await runSchedule(seed).catch((cause: unknown) => {
        throw new Error(`schedule ${seed}`, { cause });
      });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    // Were all whole, the faults would be too tame; were none, too wild to say anything about mending.
    expect(outcomes['whole']).toBeGreaterThan(SCHEDULES / 5);
    expect(outcomes['whole']).toBeLessThan(SCHEDULES * 0.9);
  },
);
