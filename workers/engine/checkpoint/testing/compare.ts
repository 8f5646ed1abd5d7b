/** Whether two checkpoints hold the same model, weight by weight. */
import type { Checkpoint } from '../types.ts';
import { dense } from './forward.ts';

/** Largest difference between corresponding weights, by role. Throws when shapes differ. */
export async function weightDifference(a: Checkpoint, b: Checkpoint): Promise<number> {
  let worst = 0;
  const compare = (role: string, x: Float32Array, y: Float32Array) => {
    if (x.length !== y.length) throw new Error(`${role}: ${x.length} and ${y.length} weights`);
    x.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - y[i]!))));
  };
  for (const [i, layer] of a.layers.entries()) {
    const other = b.layers[i]!;
    for (const role of ['qkv', 'output', 'gateUp', 'down'] as const)
      compare(`${role} ${i}`, await dense(layer[role]), await dense(other[role]));
    compare(`attention norm ${i}`, layer.attentionNorm, other.attentionNorm);
    compare(`MLP norm ${i}`, layer.mlpNorm, other.mlpNorm);
  }
  compare('embedding', await dense(a.embedding), await dense(b.embedding));
  compare('head', await dense(a.head), await dense(b.head));
  compare('norm', a.norm, b.norm);
  return worst;
}

/** Root of the mean squared difference of two checkpoints' matrices, relative to `b`'s root mean square: what quantising has cost, by role. */
export async function relativeErrors(a: Checkpoint, b: Checkpoint): Promise<Record<string, number>> {
  const errors: Record<string, number> = {};
  const roles = ['qkv', 'output', 'gateUp', 'down'] as const;
  const pairs = a.layers.flatMap((layer, i) =>
    roles.map((role) => [`${role} ${i}`, layer[role], b.layers[i]![role]] as const),
  );
  for (const [role, x, y] of [
    ...pairs,
    ['embedding', a.embedding, b.embedding] as const,
    ['head', a.head, b.head] as const,
  ]) {
    const [p, q] = [await dense(x), await dense(y)];
    let [difference, size] = [0, 0];
    p.forEach((value, i) => {
      difference += (value - q[i]!) ** 2;
      size += q[i]! ** 2;
    });
    errors[role] = Math.sqrt(difference / size);
  }
  return errors;
}
