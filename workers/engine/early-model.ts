/**
 * Prepares a model for its first load while it is downloaded: compiles ONNX Runtime, makes the tokenizer and the int8 weights. Only if the load
 * will surely be WASM in one memory; otherwise the load begins when the download has ended.
 */
import { estimateWasm, MAX_WASM_STAGES } from '../shared/advisor/estimate.ts';
import type { LoadOptions, StoredModel } from '../shared/protocol.ts';
import { span } from '../shared/span.ts';
import type { TellTextWork } from '../shared/text-work.ts';
import type { ArrivingFiles } from '../store/arriving.ts';
import { contextSlots } from './choose/choose.ts';
import { isSmall, startRuntime } from './choose/start-early.ts';
import { openHeader, type Header } from './model-header.ts';
import { EarlyWeights } from './wasm/early-weights.ts';

interface Opened {
  header: Header;
  /** Absent if int8 is not what will be loaded. */
  weights?: EarlyWeights;
}

export class EarlyModel {
  /** Resolves when every norm has arrived; null if nothing could be made: the load meets the reason again, and reports it. */
  readonly opened: Promise<Opened | null>;
  readonly #arriving: ArrivingFiles;
  readonly #stop = new AbortController();

  /** Begins at once. */
  constructor(arriving: ArrivingFiles, request: LoadOptions, textWork: TellTextWork) {
    this.#arriving = arriving;
    this.opened = span('early', () => this.#open(request, textWork)).catch(() => {
      this.drop();
      return null;
    });
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
    if (!(await startRuntime(request)) || !isSmall(request, files)) return null;
    const header = await openHeader(files, textWork, { late: true });
    const { checkpoint } = header;
    const weights = makesInt8(header, request) ? new EarlyWeights(checkpoint, this.#stop.signal) : undefined;
    await span('tokenizer', () => Promise.resolve(header.tokenizer));
    await Promise.all([...(checkpoint.late?.values() ?? [])]);
    return { header, weights };
  }
}

/** Whether the load will take int8 weights in one memory. */
function makesInt8({ checkpoint }: Header, { form = 'auto', contextLength }: LoadOptions): boolean {
  const slots = contextSlots(checkpoint, contextLength);
  const { stages } = estimateWasm({ shape: checkpoint.config, slots, form: 'int8' }, MAX_WASM_STAGES);
  return stages === 1 && (form === 'auto' || form === 'int8');
}
