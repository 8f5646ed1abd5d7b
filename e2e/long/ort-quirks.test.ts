/**
 * ONNX Runtime without the tricks of workers/engine/runtime/ort-quirks.ts. A test that fails here says that a trick is no longer needed, or that
 * ONNX Runtime changed under it: `npm run test:quirks`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../scripts/build/app.ts';
import { serve, type RunningServer } from '../../scripts/build/server.ts';
import { buildToolPage } from '../../scripts/build/tool-page.ts';
import { launch, type Session } from '../../scripts/cli/browser/launch.ts';
import type { Quirks } from '../../workers/engine/runtime/testing/quirks/quirks.worker.ts';
import { compareLogits } from '../../scripts/cli/evaluate/compare.ts';
import { startEngineHost } from '../../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../../scripts/cli/evaluate/model-files.ts';
import { gguf, pathOf, readExpected } from '../support/fixtures.ts';
import { EVALUATION, inject } from '../support/inject.ts';

let root: string;
let server: RunningServer;
let session: Session;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'phi-quirks-'));
  await buildToolPage(join(ROOT, 'workers/engine/runtime/testing/quirks'), 'page.html', root);
  server = await serve({ root, securityHeaders: false });
  session = await launch({});
  await session.page.goto(`${server.url}page.html`);
});
afterAll(async () => {
  await session.close();
  await server.close();
  await rm(root, { recursive: true });
});

const ask = <N extends keyof Quirks>(name: N) =>
  session.page.evaluate((one) => window.quirk(one), name) as ReturnType<Quirks[N]>;

it('sessions that are made at the same time lose their external data', async () => {
  expect(await ask('twoSessionsAtOnce')).toContainEqual(expect.any(String));
});

it('external data is sliced and streamed', async () => {
  const reads = await ask('readsOfExternalData');
  expect(reads).toContain('blob.slice(0, 16)');
  expect(reads).toContain('slice.stream()');
  expect(
    reads.filter((read) => /^blob\.(stream|arrayBuffer)/.test(read)),
    reads.join(),
  ).toEqual([]);
});

it('weights are copied into a memory that is not handed out', async () => {
  expect(await ask('weightOverwritten')).toBe(64 * 5);
});

it('a session with graph capture takes one shape only', async () => {
  expect(await ask('captureInSession')).not.toEqual([[-3], [-3, -3, -3, -3]]);
});

it('a local variable keeps its value from one pass of a loop to the next', async () => {
  expect(await ask('variableInLoop')).toBeGreaterThan(1);
});

it('attention is wrong on small subgroups', async () => {
  const host = await startEngineHost({});
  try {
    await inject(
      host.session.page,
      EVALUATION,
      () => Object.defineProperty(GPUAdapterInfo.prototype, 'subgroupMinSize', { get: () => 8 }),
      null,
    );
    const model = gguf('phi4-mini', 'q8_0');
    const files = await selectModel(pathOf(model));
    const engine = await host.open(files, { backend: 'webgpu', form: 'int8-blocks', contextLength: 128 });
    const { input_ids: ids, last_logits: logits } = readExpected(model.expected).cases.find(
      ({ input_ids }) => input_ids.length > 32,
    )!;
    expect(compareLogits(await engine.call('lastLogits', ids), logits!, 0.05).problem).not.toBeNull();
  } finally {
    await host.close();
  }
});

it('an exception in MLGraphBuilder loses its reason', async () => {
  const said = await ask('throwingBuilder');
  expect(said).not.toBeNull();
  expect(said).not.toContain('the reason');
});

it('a missing int4 zero point gets another shape than its scale', async () => {
  const { scale, zeroPoint } = await ask('int4WithoutZeroPoint');
  expect(zeroPoint).not.toEqual(scale);
});
