/** Mixtures of experts: the sparse mixer by hand-made scores, and every format's reader against transformers. */
import { describe, expect, it } from 'vitest';
import { openGguf } from './gguf/gguf.ts';
import { sparseMixer } from './experts.ts';
import { openSafetensors } from './safetensors/safetensors.ts';
import { dense } from './testing/forward.ts';
import { weightDifference } from './testing/compare.ts';
import {
  compareLogits,
  folderBytes,
  folderFiles,
  memoryFiles,
  memorySource,
  presentFolders,
  readExpected,
} from './testing/fixtures.ts';
import { phiMoeGguf, stackedFolder } from './testing/phi-moe-variants.ts';
import { putTensors, takeTensors } from './testing/safetensors-variants.ts';

/** In the repository: 16 experts, heads of 48 in 64 features, two shards of bfloat16, window of 47. */
const OWN = 'phi-moe';

describe('the sparse mixer', () => {
  it('gives each of the two best its share among those that are near', () => {
    // 1.97 is within 2 % of 2, so the best shares with it; 1.9 is not, and is near 1.97 neither.
    const { experts, shares } = sparseMixer([1.9, 2, 1.97, -5], 0.01);
    expect(experts).toEqual([1, 2]);
    expect(shares[0]).toBeCloseTo(1 / (1 + Math.exp(-0.03)), 12);
    expect(shares[1]).toBe(1);
  });

  it('takes the first of equal scores, and then the other', () => {
    const { experts, shares } = sparseMixer([0.5, 3, 3, 1], 0.01);
    expect(experts).toEqual([1, 2]);
    expect(shares).toEqual([0.5, 1]);
    expect(sparseMixer([7, 7], 0).experts).toEqual([0, 1]);
  });

  it('measures distance against the larger magnitude, of negative scores too', () => {
    // (-1 - -1.015) / 1.015 is below 0.02, (-1 - -1.03) / 1.03 above.
    expect(sparseMixer([-1.015, -1, -1.03], 0.01).shares[0]).toBeCloseTo(1 / (1 + Math.exp(-0.015)), 12);
    expect(sparseMixer([0, 0, 0], 0.01)).toEqual({ experts: [0, 1], shares: [1 / 3, 0.5] });
  });
});

describe('reading Phi MoE', () => {
  it.each(presentFolders([OWN, 'phi-tiny-moe']))('%s: logits within 0.01 of transformers', async (folder) => {
    const { error, greedyEqual } = await compareLogits(
      await openSafetensors(folderFiles(folder)),
      readExpected(`${folder}/expected.json`),
    );
    expect(error).toBeLessThan(0.01);
    expect(greedyEqual).toBe(true);
  });

  it('has the experts apart and side by side', async () => {
    const { config, layers } = await openSafetensors(folderFiles(OWN));
    expect(config).toMatchObject({ headDim: 48, slidingWindow: 47, experts: { count: 16, jitter: 0.01 } });
    const { gateUp, down, experts } = layers[1]!;
    const { intermediate, hidden } = config;
    const wide = await dense(gateUp);
    const one = await dense(experts!.each[5]!.gateUp);
    expect(wide.subarray((16 + 5) * intermediate * hidden, (16 + 6) * intermediate * hidden)).toEqual(
      one.subarray(intermediate * hidden),
    );
    const row = (await dense(down)).subarray(3 * 16 * intermediate, 4 * 16 * intermediate);
    expect(row.subarray(5 * intermediate, 6 * intermediate)).toEqual(
      (await dense(experts!.each[5]!.down)).subarray(3 * intermediate, 4 * intermediate),
    );
  });

  it('reads the same from stacked experts, as MLX converts them', async () => {
    const source = await openSafetensors(folderFiles(OWN));
    expect(await weightDifference(await openSafetensors(memoryFiles(stackedFolder(OWN))), source)).toBe(0);
    const mlx = await openSafetensors(memoryFiles(stackedFolder(OWN, 8)));
    expect(mlx.format).toBe('mlx');
    expect(mlx.layers[0]!.down.form).toMatchObject({ kind: 'blocks', bits: 8, block: 32 });
    expect(await weightDifference(mlx, source)).toBeLessThan(0.005);
  });

  it.each([true, false])('reads the same from GGUF, head size written: %s', async (written) => {
    const source = await openSafetensors(folderFiles(OWN));
    const read = await openGguf([memorySource('m.gguf', phiMoeGguf(OWN, written))]);
    expect(await weightDifference(read, source)).toBe(0);
    const told = { name: 'tiny moe', bos: null, eos: [2], normEps: Math.fround(source.config.normEps) };
    expect(read.config).toEqual({ ...source.config, ...told });
  });

  it('takes zeros for biases that the file does not have', async () => {
    const files = stackedFolder(OWN);
    const tensors = takeTensors(files.get('model.safetensors')!);
    for (const name of [...tensors.keys()]) if (/(self_attn\..*|lm_head)\.bias$/.test(name)) tensors.delete(name);
    files.set('model.safetensors', putTensors(tensors));
    const { layers, bias } = await openSafetensors(memoryFiles(files));
    const { experts } = layers[0]!;
    for (const values of [experts!.bias.qkv, experts!.bias.output, bias!.head]) expect(Math.max(...values)).toBe(0);
    expect(Math.max(...experts!.bias.mlpNorm)).toBeGreaterThan(0);
  });

  it("reads the router's jitter, and LongRoPE with a factor for each set", async () => {
    const files = folderBytes(OWN);
    const config = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as object;
    const changed = {
      ...config,
      router_jitter_noise: 0.02,
      rope_scaling: LONG_ROPE,
      original_max_position_embeddings: 64,
    };
    files.set('config.json', new TextEncoder().encode(JSON.stringify(changed)));
    const read = await openSafetensors(memoryFiles(files));
    expect(read.config.experts!.jitter).toBe(0.02);
    expect(read.config.ropeScaling).toMatchObject({
      attentionFactor: 1.1,
      longAttentionFactor: 1.25,
      originalContext: 64,
    });
  });

  it.each([
    [{ num_experts_per_tok: 4 }, 'unsupported-model', '4 experts a token'],
    [{ num_local_experts: 1 }, 'bad-model', '1 experts'],
    [{ num_local_experts: 17 }, 'bad-model', 'experts.16.w1.weight is missing'],
    [{ intermediate_size: 48 }, 'bad-model', 'the model needs [96, 64]'],
  ])('refuses %j', async (change, code, words) => {
    const files = folderBytes(OWN);
    const config = JSON.parse(new TextDecoder().decode(files.get('config.json'))) as object;
    files.set('config.json', new TextEncoder().encode(JSON.stringify({ ...config, ...change })));
    await expect(openSafetensors(memoryFiles(files))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    });
  });
});

const LONG_ROPE = {
  type: 'longrope',
  short_factor: Array<number>(24).fill(1),
  long_factor: Array<number>(24).fill(2),
  short_mscale: 1.1,
  long_mscale: 1.25,
};
