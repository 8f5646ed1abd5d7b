/**
 * One stage of a model that is larger than one WASM memory: some consecutive layers, hidden states in and out, the head
 * in the last. A stage is described as a decoder of its own, with the layers that it holds; its cache is laid out as in
 * wasm/graph.ts, and one step takes any number of tokens.
 */
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { declare } from '../graph/external-data.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { decoderStates } from '../graph/decoder-network.ts';
import { Graph } from '../graph/onnx.ts';
import { declareSelectInputs } from './select-graph.ts';
import { wasmDialect } from './dialect.ts';
import { headOutputs } from './graph.ts';
import { wasmWeights, type WasmForm } from './weights.ts';

/** The weights of a stage. `checkpoint` has only its layers; the embedding is in no session. */
export function stageWeights(checkpoint: Checkpoint, form: WasmForm, last: boolean): WeightGroup[] {
  return wasmWeights(checkpoint, form).filter(
    ({ location }) => location !== 'embedding' && (last || !/^head\b/.test(location)),
  );
}

/** The model's protobuf. `config.layers` counts the layers of this stage, `groups` are its weights. `fineHead`: see wasmDialect. */
export function wasmStageGraph(
  config: PhiConfig,
  form: WasmForm,
  groups: WeightGroup[],
  { last, fineHead }: { last: boolean; fineHead: boolean },
): Uint8Array {
  const g = new Graph('phi_wasm_stage');
  for (const group of groups) declare(g, group);
  const { layers, kvHeads, headDim, vocab, rotaryDim } = config;
  const perLayer = <T>(make: (layer: number) => T) => Array.from({ length: layers }, (_, layer) => make(layer));
  const hidden = g.input('hidden', 'float32', ['tokens', 1, config.hidden]);
  const rows = g.op('Gather', [g.op('Squeeze', [hidden, g.int64([1])]), g.int64(0)], { axis: { int: 1 } }); // [tokens]: for their number
  const inputs = {
    past: g.input('past', 'int64', []),
    cos: g.input('cos', 'float32', ['tokens', rotaryDim / 2]),
    sin: g.input('sin', 'float32', ['tokens', rotaryDim / 2]),
    keys: perLayer((layer) => g.input(`past_key.${layer}`, 'float32', [kvHeads, 1, headDim, 'slots'])),
    values: perLayer((layer) => g.input(`past_value.${layer}`, 'float32', [kvHeads, 1, 'slots', headDim])),
  };
  const { dialect, added } = wasmDialect(g, config, form, inputs, rows, g.int64(0), null, fineHead);
  const states = decoderStates(g, config, { ...dialect, embed: () => hidden }, rows);
  if (last) {
    const headRows = g.input('head_rows', 'int64', ['rows']);
    const targets = g.input('targets', 'int64', ['rows']);
    const randoms = g.input('randoms', 'float32', ['steps']);
    const { id, argmax, logprobs, logits } = headOutputs(g, dialect, states.normed, declareSelectInputs(g, vocab), {
      headRows,
      targets,
      randoms,
    });
    g.call(id, 'out_ids');
    g.output('out_ids', 'int64', ['steps']);
    g.call(argmax, 'argmax');
    g.output('argmax', 'int64', ['rows']);
    g.call(logprobs, 'logprobs');
    g.output('logprobs', 'float32', ['rows']);
    g.call(logits, 'logits');
    g.output('logits', 'float32', ['rows', vocab]);
  } else {
    g.call(states.hidden, 'hidden_out');
    g.output('hidden_out', 'float32', ['tokens', 1, config.hidden]);
  }
  for (let layer = 0; layer < layers; layer++) {
    g.call(added.keys[layer]!, `new_key.${layer}`);
    g.output(`new_key.${layer}`, 'float32', [kvHeads, 1, headDim, 'tokens']);
    g.call(added.values[layer]!, `new_value.${layer}`);
    g.output(`new_value.${layer}`, 'float32', [kvHeads, 1, 'tokens', headDim]);
  }
  return g.toModel();
}
