/** Turns the roles found in a graph into a Checkpoint; shared by ONNX and OpenVINO. */
import { PhiError } from '../../../shared/errors.ts';
import { concatRows } from '../../weights/matrix.ts';
import type { DecoderParts } from './decoder-graph.ts';
import { checkConfig, checkShapes, familyName } from '../family.ts';
import { normalWindow } from '../hf-config.ts';
import type { TextFiles } from '../hf-files.ts';
import type { Rope } from '../rope.ts';
import { readVector } from '../tensor.ts';
import type { Checkpoint, Layer } from '../types.ts';

/** Facts from the files beside the graph. */
export interface Announced {
  /** For people; null: named by its dimensions. */
  name: string | null;
  context: number;
  bos: number | null;
  eos: number[];
}

export interface Found {
  format: 'onnx' | 'openvino';
  file: string;
  parts: DecoderParts;
  rope: Rope;
  /** The window of the mask or the operator; null if there is none. */
  window: number | null;
  notes: string[];
}

/** Throws `unsupported-model` when layers differ in heads, window or epsilon, `bad-model` when weights do not fit each other. */
export async function buildCheckpoint(found: Found, announced: Announced, text: TextFiles): Promise<Checkpoint> {
  const { file, parts, rope } = found;
  const [first] = parts.layers;
  if (!first) throw new PhiError('bad-model', `${file} has no decoder layer, so it is not a Phi model.`);
  const { heads, kvHeads, headDim } = first.attention;
  const layers: Layer[] = [];
  for (const [i, part] of parts.layers.entries()) {
    const same =
      part.attention.heads === heads &&
      part.attention.kvHeads === kvHeads &&
      part.attention.window === first.attention.window;
    if (!same || part.mlpNorm.eps !== first.mlpNorm.eps)
      throw new PhiError(
        'unsupported-model',
        `${file}: layer ${i} differs from the first in heads, window or epsilon. In Phi models all layers are alike.`,
      );
    layers.push({
      attentionNorm: await readVector(part.attentionNorm.weight),
      qkv: concatRows(part.qkv),
      output: part.output,
      mlpNorm: await readVector(part.mlpNorm.weight),
      gateUp: concatRows(part.gateUp),
      down: part.down,
    });
  }
  const { embedding, head } = parts;
  const config = {
    name: '',
    layers: layers.length,
    hidden: embedding.cols,
    heads,
    kvHeads,
    headDim,
    intermediate: layers[0]!.down.cols,
    vocab: embedding.rows,
    normEps: Number(first.attentionNorm.eps.toPrecision(6)),
    ...rope,
    context: announced.context,
    slidingWindow: normalWindow(found.window, announced.context),
    bos: announced.bos,
    eos: announced.eos,
  };
  config.name = announced.name ?? familyName(config, 'Phi-3 family');
  checkConfig(config, file);
  const norm = await readVector(parts.norm.weight);
  return checkShapes(
    { format: found.format, config, ...text, embedding, layers, norm, head, notes: found.notes },
    file,
  );
}
