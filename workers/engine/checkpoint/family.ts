/** Names a model by its dimensions, and checks that they make sense. Used by every source format. */
import { PhiError } from '../../shared/errors.ts';
import type { Checkpoint, PhiConfig } from './types.ts';
import type { Matrix } from '../weights/matrix.ts';

type Shape = Pick<PhiConfig, 'layers' | 'hidden' | 'intermediate' | 'kvHeads' | 'vocab' | 'ropeTheta' | 'experts'> & {
  ropeScaling: unknown;
};

/** Experts that the router of Phi MoE gives a token to. */
export const EXPERTS_PER_TOKEN = 2;

/** Inner width of the MLP with all experts side by side. */
export const mlpWidth = ({ intermediate, experts }: Pick<PhiConfig, 'intermediate' | 'experts'>): number =>
  intermediate * (experts?.count ?? 1);

/** Inner widths of one expert, as published. */
const MOE_FAMILIES = new Map([
  [448, 'Phi-tiny-MoE'],
  [960, 'Phi-mini-MoE'],
  [6400, 'Phi-3.5-MoE'],
]);

/** Published dimensions. Phi-3-mini-128k and Phi-3.5-mini differ only in weights and LongRoPE factors, Phi-4 and its reasoning kin in theta. */
export function familyName(config: Shape, fallback: string): string {
  const { layers, hidden, kvHeads, vocab } = config;
  if (config.experts) return (hidden === 4096 && MOE_FAMILIES.get(config.intermediate)) || fallback;
  if (layers === 32 && hidden === 3072 && kvHeads === 32)
    return config.ropeScaling ? 'Phi-3.5-mini or Phi-3-mini-128k' : 'Phi-3-mini-4k';
  if (layers === 32 && hidden === 3072 && vocab > 200_000) return 'Phi-4-mini';
  if (layers === 40 && hidden === 5120)
    return vocab < 40_000 ? 'Phi-3-medium' : config.ropeTheta > 400_000 ? 'Phi-4-reasoning' : 'Phi-4';
  return fallback;
}

const MOST_EXPERTS = 256;
const LIMITS = {
  layers: 512,
  hidden: 32768,
  heads: 512,
  kvHeads: 512,
  headDim: 1024,
  intermediate: 262144,
  vocab: 1 << 20,
  context: 1 << 24,
} as const;

/** Throws `bad-model` unless the numbers are sizes that fit each other. `file` names their source. */
export function checkConfig(config: PhiConfig, file: string): PhiConfig {
  const bad = (what: string): never => {
    throw new PhiError('bad-model', `${file}: ${what}. The file is damaged, or it is not a Phi model.`);
  };
  for (const [key, limit] of Object.entries(LIMITS) as [keyof typeof LIMITS, number][]) {
    const value = config[key];
    if (!Number.isInteger(value) || value < 1 || value > limit) bad(`${key} is ${value}, expected 1 to ${limit}`);
  }
  const { experts } = config;
  if (experts && !(experts.count >= EXPERTS_PER_TOKEN && experts.count <= MOST_EXPERTS))
    bad(`${experts.count} experts, expected ${EXPERTS_PER_TOKEN} to ${MOST_EXPERTS}`);
  if (experts && !(experts.jitter >= 0 && experts.jitter < 1)) bad(`router jitter ${experts.jitter}`);
  if (config.heads % config.kvHeads) bad(`${config.heads} heads cannot share ${config.kvHeads} key heads`);
  if (config.rotaryDim % 2 || config.rotaryDim < 2 || config.rotaryDim > config.headDim)
    bad(`${config.rotaryDim} rotated dimensions in heads of ${config.headDim}`);
  if (!(config.ropeTheta > 1) || !Number.isFinite(config.ropeTheta)) bad(`rotary base ${config.ropeTheta}`);
  if (!(config.normEps > 0 && config.normEps < 0.1)) bad(`norm epsilon ${config.normEps}`);
  const scaling = config.ropeScaling;
  if (scaling) {
    for (const [name, set] of [
      ['short', scaling.short],
      ['long', scaling.long],
    ] as const) {
      if (set.length !== config.rotaryDim / 2)
        bad(`${set.length} ${name} LongRoPE factors for ${config.rotaryDim} rotated dimensions`);
      if (!set.every((factor) => factor > 0 && Number.isFinite(factor)))
        bad(`a ${name} LongRoPE factor is not positive`);
    }
    for (const factor of [scaling.attentionFactor, scaling.longAttentionFactor ?? 1])
      if (!(factor > 0 && factor < 100)) bad(`attention factor ${factor}`);
    if (!(scaling.originalContext >= 1)) bad(`original context ${scaling.originalContext}`);
  }
  return config;
}

/** Throws `bad-model` unless every weight has the shape that the config asks for. Returns the checkpoint. */
export function checkShapes(checkpoint: Checkpoint, file: string): Checkpoint {
  const { config, layers } = checkpoint;
  const attention = config.heads * config.headDim;
  const expect = (matrix: Matrix, rows: number, cols: number): void => {
    if (matrix.rows === rows && matrix.cols === cols) return;
    throw new PhiError(
      'bad-model',
      `${file}: ${matrix.name} is [${matrix.rows}, ${matrix.cols}], but the model needs [${rows}, ${cols}].`,
    );
  };
  const expectNorm = (norm: Float32Array, name: string, length = config.hidden): void => {
    if (norm.length !== length)
      throw new PhiError(
        'bad-model',
        `${file}: the ${name} has ${norm.length} weights, but the model needs ${length}.`,
      );
  };
  const qkvRows = attention + 2 * config.kvHeads * config.headDim;
  if (layers.length !== config.layers)
    throw new PhiError(
      'bad-model',
      `${file}: the file has ${layers.length} layers, but its configuration says ${config.layers}.`,
    );
  layers.forEach((layer, i) => {
    expectNorm(layer.attentionNorm, `attention norm of layer ${i}`);
    expectNorm(layer.mlpNorm, `MLP norm of layer ${i}`);
    expect(layer.qkv, qkvRows, config.hidden);
    expect(layer.output, config.hidden, attention);
    for (const { gateUp, down } of layer.experts?.each ?? []) {
      expect(gateUp, 2 * config.intermediate, config.hidden);
      expect(down, config.hidden, config.intermediate);
    }
    expect(layer.gateUp, 2 * mlpWidth(config), config.hidden);
    expect(layer.down, config.hidden, mlpWidth(config));
    if (layer.experts) {
      const { router, bias } = layer.experts;
      expectNorm(router, `router of layer ${i}`, layer.experts.each.length * config.hidden);
      for (const name of ['attentionNorm', 'output', 'mlpNorm'] as const)
        expectNorm(bias[name], `bias of ${name} of layer ${i}`);
      expectNorm(bias.qkv, `bias of q, k and v of layer ${i}`, qkvRows);
    }
  });
  expectNorm(checkpoint.norm, 'final norm');
  if (checkpoint.bias) {
    expectNorm(checkpoint.bias.norm, 'bias of the final norm');
    expectNorm(checkpoint.bias.head, 'bias of the head', config.vocab);
  }
  expect(checkpoint.embedding, config.vocab, config.hidden);
  expect(checkpoint.head, config.vocab, config.hidden);
  return checkpoint;
}
