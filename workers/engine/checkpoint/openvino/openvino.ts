/**
 * OpenVINO IR (openvino_model.xml and .bin) as optimum-intel exports it. The graph is not run; weights, heads, window and rotation are read
 * out of it, and config.json says what a graph cannot: context, end tokens, name.
 */
import { PhiError } from '../../../shared/errors.ts';
import type { ModelFiles } from '../../../store/bytes.ts';
import { buildCheckpoint } from '../network/decoder-checkpoint.ts';
import { findDecoder } from '../network/decoder-graph.ts';
import { scalar } from '../network/norms.ts';
import { unsupported } from '../network/graph.ts';
import { readHfConfig } from '../hf-config.ts';
import { readTextFiles } from '../hf-files.ts';
import { CONFIG_BYTES, fileIn, folderOf, optionalJson, readJson } from '../json.ts';
import { maskWindow } from './mask.ts';
import { openVinoRope } from './rope.ts';
import { OpenVinoWeights } from './weights.ts';
import { readOpenVinoGraph } from './xml.ts';
import { ropeOf } from '../rope.ts';
import type { Checkpoint } from '../types.ts';

const MODEL = 'openvino_model.xml';

/** Opens the OpenVINO model among `files`; of several, the one in the shallowest folder. */
export async function openOpenVino(files: ModelFiles): Promise<Checkpoint> {
  const [path] = [...files.keys()]
    .filter((name) => name === MODEL || name.endsWith(`/${MODEL}`))
    .sort((a, b) => a.length - b.length);
  if (path === undefined) throw new PhiError('bad-model', `There is no ${MODEL} among these files.`);
  const folder = folderOf(path);
  const bin = fileIn(files, folder, MODEL.replace('.xml', '.bin'));
  if (!bin)
    throw new PhiError(
      'bad-model',
      `${folder}${MODEL.replace('.xml', '.bin')} is missing. It holds the weights of ${path}. Add it and try again.`,
    );
  const configSource = fileIn(files, folder, 'config.json');
  if (!configSource)
    throw new PhiError('bad-model', `${folder}config.json is missing. Take it from the same repository as ${path}.`);
  const { config } = readHfConfig(
    await readJson(configSource, CONFIG_BYTES),
    await optionalJson(files, folder, 'generation_config.json'),
    configSource.name,
  );

  const graph = await readOpenVinoGraph(files.get(path)!, bin);
  const parts = await findDecoder(new OpenVinoWeights(path, graph));
  const notes: string[] = [];
  const { attention } = parts.layers[0]!;
  const { rope, fromGraph } = await openVinoRope(path, graph, attention, {
    rope: ropeOf(config),
    context: config.context,
  });
  if (!fromGraph) notes.push('The rotation comes from config.json, because the graph computes it in an unusual way.');
  const [, , , mask = '', scale = ''] = attention.op.inputs;
  const scoreScale = scale ? await scalar(graph, scale) : null;
  if (scoreScale !== null && Math.abs(scoreScale * Math.sqrt(attention.headDim) - 1) > 1e-3)
    throw unsupported(path, attention.op, `scores are scaled by ${scoreScale}`);
  const read = mask ? await maskWindow(graph, mask) : null;
  const window = read === undefined ? config.slidingWindow : read;
  if (read === undefined && window)
    notes.push(
      `The sliding window of ${window} comes from config.json, because the graph makes its mask in an unusual way.`,
    );
  const { name, bos, eos } = config;
  // Exports of before 2025 have LongRoPE's short set only, and are good for the original context only.
  const shortOnly =
    config.ropeScaling !== null &&
    (!rope.ropeScaling || rope.ropeScaling.short.join() === rope.ropeScaling.long.join());
  const context = shortOnly ? config.ropeScaling!.originalContext : config.context;
  if (shortOnly) notes.push(`The export holds only LongRoPE's short factors, so the context is ${context} tokens.`);
  return buildCheckpoint(
    { format: 'openvino', file: path, parts, rope, window, notes },
    { name, context, bos, eos },
    await readTextFiles(files, folder),
  );
}
