/** The starter in every form, against its reference in float32; and a context of 2,048 tokens. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROOT } from '../../../scripts/build/app.ts';
import { checkTeacherForced } from '../../../scripts/cli/evaluate/check.ts';
import { selectModel } from '../../../scripts/cli/evaluate/model-files.ts';
import { STARTER_ID } from '../../../src/models/starter.ts';
import type { EvaluateOptions } from '../../../workers/shared/evaluate-protocol.ts';
import { readExpected } from '../../support/fixtures.ts';
import { needDevice } from '../device.ts';
import { startGpuHost, type GpuHost } from '../host.ts';

/** Allowed difference of the mean loss, in nats a token. Q4_1 is held exactly by int4; the minimums of int8-blocks are rounded into codes. */
const NLL_TOLERANCE = 0.01;
/** Allowed difference of the mean loss over a long text between float16 and float32. */
const LONG_TOLERANCE = 0.02;
const LONG = 2048;
/** Tokens of the text that every form is judged by: on lavapipe each costs a tenth of a second and more. */
const TOKENS = 160;

const reference = readExpected('starter/expected.json').teacher_forced!;
const beginning = {
  input_ids: reference.input_ids.slice(0, TOKENS),
  nll: reference.nll!.slice(0, TOKENS - 1),
  argmax: reference.argmax!.slice(0, TOKENS - 1),
};

let host: GpuHost;
beforeAll(async () => {
  host = await startGpuHost(await needDevice());
});
afterAll(() => host.close());

const open = async (options: Partial<EvaluateOptions>) =>
  host.open(await selectModel(join(ROOT, 'public/models', STARTER_ID)), {
    backend: 'webgpu',
    form: 'int4',
    contextLength: 1024,
    ...options,
  });

it.for<Partial<EvaluateOptions>>([
  { form: 'int4' },
  { form: 'int8-blocks' },
  { form: 'float16' },
  { form: 'int4', activations: 'float32' },
])('loses as much as float32 on a text: %o', async (options) => {
  const report = await checkTeacherForced(await open(options), beginning, NLL_TOLERANCE);
  console.log(
    `${JSON.stringify(options)}: mean NLL ${report.meanNll.toFixed(5)} (${report.difference!.toFixed(5)} from float32), argmax ${report.argmax!.equal} of ${report.argmax!.compared}`,
  );
  expect(report.problem).toBeNull();
});

it(`keeps its precision over ${LONG} tokens`, async () => {
  const { input_ids: text } = reference;
  const ids = Array.from({ length: LONG }, (_, i) => text[i % text.length]!);
  const score = async (activations?: 'float32') => {
    const engine = await open({ contextLength: LONG, ...(activations && { activations }) });
    return (await engine.call('nll', ids)).nll;
  };
  const narrow = await score();
  const wide = await score('float32');
  const differences = narrow.map((value, i) => Math.abs(value - wide[i]!));
  const last = differences.slice(-256);
  const mean = last.reduce((sum, value) => sum + value, 0) / last.length;
  console.log(`float16 from float32 over the last 256 of ${LONG} tokens: mean ${mean.toFixed(5)} nats a token`);
  expect(mean).toBeLessThan(LONG_TOLERANCE);
});
