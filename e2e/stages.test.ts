/** Layer stages on WASM: tiny models cut into two and three workers give the same as one session, and the death of a stage is reported. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineHost, type Engine, type EngineHost } from '../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../scripts/cli/evaluate/model-files.ts';
import type { WeightFormat } from '../workers/shared/protocol.ts';
import { needFixture, readExpected } from './support/fixtures.ts';

let host: EngineHost;
const open = async (path: string, form: WeightFormat, stages: number): Promise<Engine> =>
  host.open(await selectModel(needFixture(path)), { backend: 'wasm', form, stages, contextLength: 256 });

beforeAll(async () => {
  host = await startEngineHost({ gpu: false });
});
afterAll(async () => {
  await host.close();
  expect(host.session.foreign).toEqual([]);
});

const largest = (a: number[], b: number[]) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

/** Logits after the prompts of 40, 60 and 100 tokens. */
async function logitsOf(engine: Engine, prompts: number[][]): Promise<number[][]> {
  const all = [];
  for (const ids of prompts) all.push(await engine.call('lastLogits', ids));
  return all;
}

describe('stages', () => {
  it.each([
    ['phi4-mini', 'q8_0', 2],
    ['phi3-mini-4k', 'q4_1', 3],
    ['phi-moe', 'safetensors', 2],
  ] as const)('of %s %s: %d of them give the logits and the tokens of one session', async (kind, type, stages) => {
    const model = type === 'safetensors' ? `phi/${kind}` : `phi/${kind}/gguf/${type}.gguf`;
    const reference = type === 'safetensors' ? `${model}/expected.json` : `phi/${kind}/gguf/${type}.expected.json`;
    const prompts = readExpected(reference).cases.map((one) => one.input_ids);
    const whole = await open(model, 'float32', 1);
    const expected = await logitsOf(whole, prompts);
    const reply = await whole.call('greedy', prompts[2]!, 16); // across the window or the switch of LongRoPE

    const engine = await open(model, 'float32', stages);
    expect(engine.report).toMatchObject({ graphs: stages, form: 'float32' });
    expect(engine.report.bytesHeld).toBeLessThan(whole.report.bytesHeld); // the embedding is in none of them
    const logits = await logitsOf(engine, prompts);
    logits.forEach((values, i) =>
      expect(largest(values, expected[i]!), `${prompts[i]!.length} tokens`).toBeLessThan(1e-4),
    );
    expect((await engine.call('greedy', prompts[2]!, 16)).ids).toEqual(reply.ids);
  });

  it('in int8 agree however many there are, and one that dies is told', async () => {
    const model = 'phi/phi4-mini/gguf/q8_0.gguf';
    const prompts = readExpected('phi/phi4-mini/gguf/q8_0.expected.json').cases.map((one) => one.input_ids);
    const three = await logitsOf(await open(model, 'int8', 3), prompts);
    const engine = await open(model, 'int8', 2);
    const two = await logitsOf(engine, prompts);
    two.forEach((values, i) => expect(largest(values, three[i]!), `${prompts[i]!.length} tokens`).toBeLessThan(0.02));

    const [, second] = host.session.page.workers().filter((worker) => worker.url().includes('stage.worker'));
    await second!.evaluate(() => self.close()).catch(() => undefined); // its answer is lost with it
    await expect(engine.call('lastLogits', prompts[0]!)).rejects.toMatchObject({
      code: 'worker-died',
      message: expect.stringContaining('layers 3 to 3') as string,
    });
  });

  it('that die while they load are told', async () => {
    const born = host.session.page.waitForEvent('worker', (worker) => worker.url().includes('stage.worker'));
    const opening = open('phi/phi4-mini/gguf/q8_0.gguf', 'int8', 2);
    const told = expect(opening).rejects.toMatchObject({
      code: 'worker-died',
      message: expect.stringContaining('The worker of layers') as string,
    });
    const stage = await born;
    await stage
      .evaluate(async () => {
        while (!(await navigator.locks.query()).held!.some(({ name }) => name === self.name))
          await new Promise((resolve) => setTimeout(resolve, 1));
        self.close();
      })
      .catch(() => undefined); // its answer is lost with it
    await told;
  });
});
