/** GGUF files as a checkpoint: `phi3`, `phimoe` and `llama`, whole or split (`-00001-of-00003.gguf`). */
import type { ByteSource } from '../../../store/bytes.ts';
import { concatRows } from '../../weights/matrix.ts';
import { splitRotaryPairs } from '../../weights/permute.ts';
import { checkConfig } from '../family.ts';
import { readArchitecture, readConfig } from './config.ts';
import type { GgufHeader, GgufValue } from './parse.ts';
import { parseGguf } from './parse.ts';
import { readRopeScaling, type RopeFactors } from './rope.ts';
import { joinParts } from './split.ts';
import { locateTensors } from './tensors.ts';
import { readExpertsLayer, readOuterBias } from './phi-moe.ts';
import { Weights } from './weights.ts';
import type { Checkpoint, Layer, OpenOptions, PhiConfig, TokenizerSource } from '../types.ts';
import type { Matrix } from '../../weights/matrix.ts';

/**
 * Opens one GGUF, or all parts of a split one in any order. Reads the headers and the norm weights; matrices are read later, by rows.
 * Throws `bad-model` for damaged files, `unsupported-model` for sound files of another kind.
 */
export async function openGguf(files: ByteSource[], options?: OpenOptions): Promise<Checkpoint> {
  const headers: GgufHeader[] = [];
  for (const file of files) headers.push(await parseGguf(file));
  const { first, parts } = joinParts(headers);
  const { metadata } = first;
  const file = first.source.name;
  const architecture = readArchitecture(file, metadata);
  const weights = new Weights(file, locateTensors(parts), options);
  const embedding = weights.any('token_embd.weight');
  const config = readConfig(file, architecture, metadata, {
    vocab: embedding.rows,
    query: weights.rows('blk.0.attn_q.weight'),
  });
  const { hidden, vocab } = config;
  const { scaling, notes } = readRopeScaling(
    file,
    metadata,
    config,
    architecture,
    await readRopeFactors(weights, config),
  );
  config.ropeScaling = scaling;
  checkConfig(config, file);

  const embeddingMatrix = weights.matrix('token_embd.weight', vocab, hidden);
  const head = weights.has('output.weight') ? weights.matrix('output.weight', vocab, hidden) : embeddingMatrix;
  const norm = await weights.norm('output_norm.weight', hidden);
  const layers: Layer[] = [];
  for (let i = 0; i < config.layers; i++)
    layers.push(
      config.experts
        ? await readExpertsLayer(weights, `blk.${i}.`, config)
        : await readLayer(weights, `blk.${i}.`, config, architecture === 'llama'),
    );
  const bias = config.experts && (await readOuterBias(weights, config));
  weights.assertAllUsed();

  const template = metadata.get('tokenizer.chat_template');
  return {
    format: 'gguf',
    config,
    tokenizer: ggufTokenizer(metadata),
    chatTemplate: typeof template === 'string' ? template : null,
    embedding: embeddingMatrix,
    layers,
    norm,
    head,
    ...(bias && { bias }),
    ...(weights.late && { late: weights.late }),
    notes,
  };
}

/** The tokenizer's part of the metadata; also of a file that has only a vocabulary (see parseGguf). */
export function ggufTokenizer(metadata: ReadonlyMap<string, GgufValue>): TokenizerSource {
  return { kind: 'gguf', metadata: new Map([...metadata].filter(([key]) => key.startsWith('tokenizer.'))) };
}

async function readLayer(weights: Weights, at: string, config: PhiConfig, interleaved: boolean): Promise<Layer> {
  const { hidden, heads, kvHeads, headDim, intermediate } = config;
  const q = heads * headDim;
  const kv = kvHeads * headDim;
  const rotary = (matrix: Matrix) => (interleaved ? splitRotaryPairs(matrix, headDim, config.rotaryDim) : matrix);
  // phi3 has q, k, v in one tensor and gate, up in `ffn_up`; llama has a tensor for each.
  const fused = !interleaved && weights.has(`${at}attn_qkv.weight`);
  return {
    attentionNorm: await weights.norm(`${at}attn_norm.weight`, hidden),
    qkv: fused
      ? weights.matrix(`${at}attn_qkv.weight`, q + 2 * kv, hidden)
      : concatRows([
          rotary(weights.matrix(`${at}attn_q.weight`, q, hidden)),
          rotary(weights.matrix(`${at}attn_k.weight`, kv, hidden)),
          weights.matrix(`${at}attn_v.weight`, kv, hidden),
        ]),
    output: weights.matrix(`${at}attn_output.weight`, hidden, q),
    mlpNorm: await weights.norm(`${at}ffn_norm.weight`, hidden),
    gateUp:
      interleaved || weights.has(`${at}ffn_gate.weight`)
        ? concatRows([
            weights.matrix(`${at}ffn_gate.weight`, intermediate, hidden),
            weights.matrix(`${at}ffn_up.weight`, intermediate, hidden),
          ])
        : weights.matrix(`${at}ffn_up.weight`, 2 * intermediate, hidden),
    down: weights.matrix(`${at}ffn_down.weight`, hidden, intermediate),
  };
}

/** LongRoPE's two tensors, or Llama 3's one as both sets (then `long === short`). */
async function readRopeFactors(weights: Weights, config: PhiConfig): Promise<RopeFactors | null> {
  const read = (name: string) => weights.vector(name, config.rotaryDim / 2);
  if (weights.has('rope_factors_long.weight') || weights.has('rope_factors_short.weight')) {
    return { long: await read('rope_factors_long.weight'), short: await read('rope_factors_short.weight') };
  }
  if (!weights.has('rope_freqs.weight')) return null;
  const factors = await read('rope_freqs.weight');
  return { long: factors, short: factors };
}
