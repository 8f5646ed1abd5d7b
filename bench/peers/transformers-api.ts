/** transformers.js in whatever thread it runs: a worker of the bench page, or a GPU process (bench/dawn). */
import {
  AutoModelForCausalLM,
  AutoTokenizer,
  env,
  InterruptableStoppingCriteria,
  Tensor,
  TextStreamer,
  type DynamicCache,
  type PreTrainedModel,
  type PreTrainedTokenizer,
} from '@huggingface/transformers';
import glue from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';

const MODEL = 'starter-onnx';

export interface TransformersSetup {
  /** Folder above the model's, absolute. */
  models: string;
  device: 'wasm' | 'webgpu';
  threads: number;
  modelFile: string;
  dtype: 'q4' | 'q4f16';
}

/** The state that `generate` keeps between turns. */
let cache: DynamicCache | null = null;
let model: PreTrainedModel | null = null;
let tokenizer: PreTrainedTokenizer | null = null;

export const transformersApi = {
  async load({ models, device, threads, modelFile, dtype }: TransformersSetup): Promise<void> {
    // Our server plays the hub.
    env.allowLocalModels = false;
    env.remoteHost = models;
    env.remotePathTemplate = '{model}/';
    env.useBrowserCache = 'caches' in globalThis; // Node has none
    const files = { mjs: new URL(glue, self.location.href).href, wasm: new URL(wasm, self.location.href).href };
    if (env.backends.onnx.wasm) Object.assign(env.backends.onnx.wasm, { wasmPaths: files, numThreads: threads });
    tokenizer = await AutoTokenizer.from_pretrained(MODEL);
    model = await AutoModelForCausalLM.from_pretrained(MODEL, { device, dtype, model_file_name: modelFile });
  },

  /** Ids of `text`, special tokens in it included. */
  encode(text: string): number[] {
    return tokenizer!.encode(text, { add_special_tokens: false });
  },

  /** `onTokens` hears how many there are in all, and says whether that is enough. */
  async generate(
    ids: number[],
    maxTokens: number,
    reuse: boolean,
    onTokens: (tokens: number) => boolean | Promise<boolean>,
  ): Promise<string> {
    const input_ids = new Tensor('int64', BigInt64Array.from(ids.map(BigInt)), [1, ids.length]);
    const attention_mask = new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]);
    const stopping_criteria = new InterruptableStoppingCriteria();
    let tokens = 0;
    const report = async () => {
      if (await onTokens(tokens)) stopping_criteria.interrupt();
    };
    const streamer = new TextStreamer(tokenizer!, {
      skip_prompt: true,
      callback_function: () => undefined,
      token_callback_function: (ids) => {
        tokens += ids.length;
        void report();
      },
    });
    const past = reuse && cache ? { past_key_values: cache } : {};
    const result = (await model!.generate({
      inputs: input_ids,
      attention_mask,
      ...past,
      max_new_tokens: maxTokens,
      do_sample: false,
      return_dict_in_generate: true,
      streamer,
      stopping_criteria,
    })) as unknown as { sequences: Tensor; past_key_values: DynamicCache };
    cache = result.past_key_values;
    const all = (result.sequences.tolist() as bigint[][])[0]!;
    return tokenizer!.decode(all.slice(ids.length), { skip_special_tokens: true });
  },
};

export type TransformersApi = typeof transformersApi;
