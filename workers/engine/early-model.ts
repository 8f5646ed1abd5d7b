/**
 * Prepares a model for its first load while it is downloaded, if that load will surely be WASM: compiles ONNX Runtime, makes the tokenizer and the int8
 * weights. In one memory they go straight into the session; for stages they are kept in the store. Otherwise the load begins when the download has
 * ended.
 */
import { estimateWasm, MAX_WASM_STAGES } from '../shared/advisor/estimate.ts';
import type { LoadOptions, StoredModel } from '../shared/protocol.ts';
import { span } from '../shared/span.ts';
import type { TellTextWork } from '../shared/text-work.ts';
import type { ArrivingFiles } from '../store/arriving.ts';
import { contextSlots } from './choose/choose.ts';
import { isSmall, isSurelyWasm, startRuntime } from './choose/start-early.ts';
import { openHeader, type Header } from './model-header.ts';
import { EarlyStageWeights } from './wasm/early-stage-weights.ts';
import { EarlyWeights } from './wasm/early-weights.ts';
import type { EarlyCache } from './weight-cache.ts';

interface Opened {
  header: Header;
  /** Absent if int8 in one memory is not what will be loaded. */
  weights?: EarlyWeights;
}

export class EarlyModel {
  /** Resolves when every norm has arrived; null if nothing could be made: the load meets the reason again, and reports it. */
  readonly #opened: Promise<Opened | null>;
  readonly #arriving: ArrivingFiles;
  readonly #cache: EarlyCache;
  readonly #stop = new AbortController();
  #stages: EarlyStageWeights | undefined;

  /** Begins at once. */
  constructor(arriving: ArrivingFiles, request: LoadOptions, textWork: TellTextWork, cache: EarlyCache) {
    this.#arriving = arriving;
    this.#cache = cache;
    this.#opened = span('early', () => this.#open(request, textWork)).catch(() => {
      this.drop();
      return null;
    });
  }

  /** What was made, for the load. Stages find their weights in the store, and make the rest themselves. */
  async take(): Promise<Opened | null> {
    const opened = await this.#opened;
    await this.#stages?.end();
    return opened;
  }

  /** Ends what is under way. */
  drop(): void {
    this.#stop.abort();
  }

  /** Whether it was made of the bytes that are stored now. */
  isOf(model: StoredModel): boolean {
    return this.#arriving.agrees(model);
  }

  async #open(request: LoadOptions, textWork: TellTextWork): Promise<Opened | null> {
    const { files } = this.#arriving;
    if (!(await isSurelyWasm(request))) return null;
    if (isSmall(request, files)) startRuntime(request);
    const header = await openHeader(files, textWork, { late: true });
    const { checkpoint } = header;
    const { signal } = this.#stop;
    const stages = int8Stages(header, request);
    const weights = stages === 1 ? new EarlyWeights(checkpoint, signal) : undefined;
    if (stages > 1) this.#stages = new EarlyStageWeights(checkpoint, this.#cache, signal);
    await span('tokenizer', () => Promise.resolve(header.tokenizer));
    await Promise.all([...(checkpoint.late?.values() ?? [])]);
    return { header, weights };
  }
}

/** Into how many stages the load will cut int8 weights; 0: they are not what it takes, or cannot be made early. */
function int8Stages({ checkpoint }: Header, { form = 'auto', contextLength, stages }: LoadOptions): number {
  // The vectors of a mixture are worked on before they have arrived.
  if (checkpoint.config.experts || (form !== 'auto' && form !== 'int8')) return 0;
  const slots = contextSlots(checkpoint, contextLength);
  return stages ?? estimateWasm({ shape: checkpoint.config, slots, form: 'int8' }, MAX_WASM_STAGES).stages;
}
