/**
 * The chain of backends: WebNN on the NPU, WebNN on the GPU, WebGPU, WASM. Each is tried for real and trusted after its self-tests; whatever turns
 * out to compute on the CPU is ranked by measured speed against WASM. Every rejection keeps its reason, in words.
 */
import type { Checkpoint } from '../checkpoint/types.ts';
import { isBackendFailure, PhiError } from '../../shared/errors.ts';
import { span } from '../../shared/span.ts';
import type { BackendId, DeviceType, EngineReport, WeightFormat } from '../../shared/protocol.ts';
import { candidateName, backendName, type Candidate } from './candidate.ts';
import { hasCompensated } from './compensated-weights.ts';
import { createDecoder, type DecoderOptions } from './choose.ts';
import { weightCount, whyTooLarge } from './memory-fit.ts';
import type { PrepareProgress } from '../runtime/ort.ts';
import { measureSpeed, SPEED_TEST_SLOTS, speedTestModel } from './speed-test.ts';
import { SMALL_STEP_MS, withDeadline } from './deadline.ts';
import { CHAIN, probeBackend, type ProbedBackend, type BackendRequest } from './probe-backend.ts';
import type { ProbeResult, ProbeMemory } from './probe-memory.ts';
import { testModel, testTiny, type Scored } from './self-test.ts';
import { scoreText } from '../generate/score.ts';
import { tinyFor } from './tiny-phi.ts';
import type { Decoder } from '../decoder.ts';

export interface ChainRequest extends DecoderOptions {
  /** Anything but 'auto' goes first; when it fails, the chain follows. */
  backend: BackendId | 'auto';
  form: WeightFormat | 'auto';
  device?: DeviceType;
  /** Candidates that failed in an earlier worker of this visit, by name. */
  avoid?: readonly { candidate: string; why: string }[];
  memory: ProbeMemory;
  /** Identifies a model by its content. */
  model: string;
  /** SELF_TEST_TEXT in the model's tokens. */
  selfTestIds: readonly number[];
  /** Before anything is tried that may end this worker. */
  onTry?: (candidate: string) => void;
}

export interface ChainResult {
  decoder: Decoder;
  scored: Scored;
  rejected: EngineReport['rejected'];
  notes: string[];
  /** See EngineReport. */
  faster?: EngineReport['faster'];
}

/** The faster format wins. Within this factor, the first in the list wins. */
const SAME_SPEED = 1.25;
/**
 * A candidate on the CPU must be this many times as fast as WASM to replace it: it is measured while others compute
 * too, and the made-up model lies in the processor's cache, where float32's four times the bytes of int8 cost nothing.
 * Those of a real one do.
 */
const requiredSpeedup = (form: WeightFormat): number => (form === 'float32' ? 4 : 2);
const COMPUTES_WIDER =
  'This model failed its self-test in float16 on this GPU, so it computes in float32. Replies are correct but slower, and the KV cache takes twice the memory.';
/** A model with at most this many weights is loaded once more, in float32 on WASM, to check a failed self-test. */
const REFERENCE_WEIGHTS = 100e6;

/**
 * Walks the chain to the first candidate that loads and passes. A candidate that fails once ONNX Runtime has touched it may have left the runtime
 * unusable, so the walk rejects with its error, whose `detail.candidate` names it: the caller goes on in a fresh worker with it in `avoid`.
 */
export async function walkChain(
  checkpoint: Checkpoint,
  request: ChainRequest,
  onProgress?: PrepareProgress,
): Promise<ChainResult> {
  return new Walk(checkpoint, request, onProgress).run();
}

class Walk {
  readonly #checkpoint: Checkpoint;
  readonly #request: ChainRequest;
  readonly #onProgress: PrepareProgress | undefined;
  readonly #rejected: EngineReport['rejected'] = [];
  readonly #notes: string[] = [];
  #faster: EngineReport['faster'];

  constructor(checkpoint: Checkpoint, request: ChainRequest, onProgress?: PrepareProgress) {
    this.#checkpoint = checkpoint;
    this.#request = request;
    this.#onProgress = onProgress;
  }

  async run(): Promise<ChainResult> {
    for await (const [probed, candidate] of this.#candidates()) {
      const found = await this.#load(probed, candidate);
      if (!found) continue;
      if (candidate.activations) this.#notes.push(COMPUTES_WIDER);
      return {
        ...found,
        rejected: this.#rejected,
        notes: this.#notes,
        ...(this.#faster && probed.makable?.includes(this.#faster.form) && { faster: this.#faster }),
      };
    }
    throw new PhiError(
      'backend',
      `No backend runs this model here. ${this.#rejected.map(({ what, why }) => `${what}: ${why}`).join(' ')}`,
    );
  }

  /** Best first. Later candidates are probed only when they are needed. */
  async *#candidates(): AsyncGenerator<[ProbedBackend, Candidate]> {
    const { backend, device } = this.#request;
    const pinned: BackendRequest | null =
      backend === 'auto' ? null : { backend, device: backend === 'webnn' ? (device ?? 'npu') : null };
    if (pinned) {
      const probed = await this.#probeBackend(pinned);
      if (probed) yield* this.#formsOf(probed, true);
    }
    const slow: ProbedBackend[] = [];
    for (const wish of CHAIN) {
      if (pinned && wish.backend === pinned.backend && (wish.device === pinned.device || wish.backend !== 'webnn'))
        continue;
      const probed = await this.#probeBackend(wish);
      if (!probed) continue;
      if (wish.backend !== 'wasm' && probed.onCpu === null) yield* this.#formsOf(probed);
      else slow.push(probed);
    }
    yield* this.#ranked(slow);
  }

  async #probeBackend(wish: BackendRequest): Promise<ProbedBackend | null> {
    try {
      const { power, weightCache } = this.#request;
      const kept = () => hasCompensated(weightCache);
      const look = () => probeBackend(wish, this.#checkpoint, power, kept);
      const name = backendName(wish);
      const probed = await span(`probe ${name}`, () => withDeadline(`${name}: the device`, SMALL_STEP_MS, look));
      this.#rejected.push(...probed.notes);
      if (probed.onCpu !== null) this.#rejected.push({ what: backendName(wish), why: probed.onCpu });
      return probed;
    } catch (cause) {
      this.#reject(backendName(wish), PhiError.from(cause, 'backend'));
      return null;
    }
  }

  /** Formats of one backend, the pinned one first, then the fastest. */
  async *#formsOf(probed: ProbedBackend, pinned = false): AsyncGenerator<[ProbedBackend, Candidate]> {
    const { form } = this.#request;
    const first = pinned && form !== 'auto' ? form : null;
    if (first) yield* inEitherWidth(probed, first);
    const makable = probed.makable ?? [];
    const others = [...probed.forms, ...makable].filter((other) => other !== first);
    const timed: { form: WeightFormat; ms: number }[] = [];
    const failed: WeightFormat[] = [];
    for (const other of others) {
      // A CPU that a person pinned is not measured, which would take long: its forms come in the order that LiteRT showed.
      if (probed.backend === 'wasm' || probed.onCpu !== null) yield* inEitherWidth(probed, other);
      else {
        const ms = await this.#timeFormat(probed, other, Math.min(...timed.map((one) => one.ms)));
        if (ms === null) failed.push(other);
        else timed.push({ form: other, ms });
      }
    }
    while (timed.length > 0) {
      const fastest = Math.min(...timed.map(({ ms }) => ms));
      const index = timed.findIndex(({ ms }) => ms <= SAME_SPEED * fastest);
      const [{ form, ms }] = timed.splice(index, 1) as [(typeof timed)[number]];
      if (!makable.includes(form)) yield* inEitherWidth(probed, form);
      else if (timed.length > 0) this.#faster = { form, times: Math.min(...timed.map((one) => one.ms)) / ms };
    }
    for (const form of failed) if (!makable.includes(form)) yield* inEitherWidth(probed, form).slice(1);
  }

  /** Places that compute on the CPU, by measured speed; WASM unless another is faster by far. */
  async *#ranked(places: ProbedBackend[]): AsyncGenerator<[ProbedBackend, Candidate]> {
    const wasm = places.find(({ backend }) => backend === 'wasm');
    const wasmMs =
      wasm && places.length > 1 ? ((await this.#timeFormat(wasm, 'int8', Infinity)) ?? Infinity) : Infinity;
    const faster: { probed: ProbedBackend; form: WeightFormat; ms: number }[] = [];
    const seen = new Set<string>();
    for (const probed of places) {
      if (probed === wasm || seen.has(probed.signature)) continue;
      seen.add(probed.signature);
      for (const form of probed.forms.slice(0, probed.backend === 'webnn' ? 2 : 1)) {
        const ms = await this.#timeFormat(probed, form, wasmMs);
        if (ms === null) continue;
        if (ms * requiredSpeedup(form) < wasmMs) faster.push({ probed, form, ms });
        else this.#rejected.push({ what: candidateName({ ...probed, form }), why: notWorthIt(ms, wasmMs, form) });
      }
    }
    faster.sort((a, b) => a.ms - b.ms);
    for (const { probed, form } of faster) yield* inEitherWidth(probed, form);
    for (const form of wasm?.forms ?? []) yield [wasm!, { ...wasm!, form }];
  }

  /** Tests a weight format on the tiny Phi and times it on the speed test's model. null: it does not work here; the reason is noted. */
  async #timeFormat(probed: ProbedBackend, form: WeightFormat, best: number): Promise<number | null> {
    const candidate = { ...probed, form };
    const name = candidateName(candidate);
    const refused = this.#refused(candidate);
    const key = `${probed.signature}|${form}`;
    const known = await this.#request.memory.recall(key);
    if (refused !== null || known?.state === 'bad') {
      this.#rejected.push({ what: name, why: refused ?? (known as { why: string }).why });
      return null;
    }
    if (known?.ms !== undefined) return known.ms;
    return this.#attempt(candidate, key, async () => {
      const tinyMs = await this.#testTiny(candidate);
      // A software adapter compiles its shaders for seconds; when even the tiny model takes longer than the larger one does elsewhere, that is all.
      const ms =
        tinyMs > best
          ? tinyMs
          : await this.#withDecoder(speedTestModel(), candidate, (decoder) => measureSpeed(decoder, best));
      return { value: ms, result: { state: 'good', ms } };
    });
  }

  /** Loads the model itself, unless a result of this visit or an earlier one rules it out. */
  async #load(probed: ProbedBackend, candidate: Candidate): Promise<{ decoder: Decoder; scored: Scored } | null> {
    const { memory, model, selfTestIds } = this.#request;
    const name = candidateName(candidate);
    const key = `${probed.signature}|${candidate.form}${candidate.activations ? `|${candidate.activations}` : ''}`;
    const [known, tested] = await Promise.all([memory.recall(`${key}|${model}`), memory.recall(key)]);
    const why = this.#refused(candidate) ?? [known, tested].find((result) => result?.state === 'bad')?.why;
    if (why !== undefined) {
      this.#rejected.push({ what: name, why });
      return null;
    }
    if (tested === null) {
      await this.#attempt(candidate, key, async () => {
        await this.#testTiny(candidate);
        return { value: null, result: { state: 'good' } };
      });
    }
    const recorded = known?.state === 'good' ? known.logprobs : undefined;
    const lastResort = candidate.backend === 'wasm' && weightCount(this.#checkpoint) > REFERENCE_WEIGHTS;
    return this.#attempt(candidate, `${key}|${model}`, async () => {
      const decoder = await createDecoder(this.#checkpoint, candidate, this.#request, this.#onProgress);
      try {
        const test = await span('self-test', () =>
          testModel(
            decoder,
            this.#checkpoint.config,
            selfTestIds,
            recorded,
            lastResort ? 'none' : () => this.#float32Reference(),
          ),
        );
        if (test.note) this.#notes.push(test.note);
        return { value: { decoder, scored: test.scored }, result: { state: 'good', logprobs: test.logprobs } };
      } catch (error) {
        await decoder.dispose();
        throw error;
      }
    });
  }

  /** The reason to skip a candidate before anything is made for it. */
  #refused(candidate: Candidate): string | null {
    const failed = this.#request.avoid?.find((one) => one.candidate === candidateName(candidate));
    return failed?.why ?? whyTooLarge(this.#checkpoint, candidate);
  }

  async #attempt<T>(
    candidate: Candidate,
    key: string,
    work: () => Promise<{ value: T; result: ProbeResult }>,
  ): Promise<T> {
    const name = candidateName(candidate);
    this.#request.onTry?.(name);
    try {
      // WASM is the last resort, so a tab that was closed for lack of memory must not rule it out.
      const risky = candidate.backend !== 'wasm';
      return await this.#request.memory.attempt(key, { risky, isFinal: ({ code }) => code === 'backend' }, work);
    } catch (cause) {
      const error = PhiError.from(cause, 'backend');
      if (!isBackendFailure(error)) throw error; // damaged weights, a missing file, a cancelled load
      throw new PhiError(error.code, error.message, { ...error.detail, candidate: name }, { cause });
    }
  }

  /** Milliseconds of the tiny Phi's test. */
  #testTiny(candidate: Candidate): Promise<number> {
    const { checkpoint, tokens } = tinyFor(candidate.form);
    return span('tiny model', () =>
      this.#withDecoder(checkpoint, candidate, (decoder, { config }) => testTiny(decoder, config, tokens)),
    );
  }

  async #withDecoder<T>(
    checkpoint: Checkpoint,
    candidate: Candidate,
    work: (decoder: Decoder, checkpoint: Checkpoint) => Promise<T>,
  ): Promise<T> {
    const { threads, power, signal } = this.#request;
    const decoder = await createDecoder(checkpoint, candidate, {
      contextLength: SPEED_TEST_SLOTS,
      threads,
      power,
      signal,
    });
    try {
      return await work(decoder, checkpoint);
    } finally {
      await decoder.dispose();
    }
  }

  /** Log-probabilities of the model in float32 on WASM; null if that costs too much. */
  async #float32Reference(): Promise<readonly number[] | null> {
    const { selfTestIds, threads, signal } = this.#request;
    const plain: Candidate = { backend: 'wasm', device: null, form: 'float32' };
    if (weightCount(this.#checkpoint) > REFERENCE_WEIGHTS) return null;
    const decoder = await createDecoder(this.#checkpoint, plain, {
      contextLength: selfTestIds.length + 1,
      threads,
      signal,
    });
    try {
      return [...(await scoreText(decoder, selfTestIds, 'short')).logprobs];
    } finally {
      await decoder.dispose();
    }
  }

  #reject(what: string, error: PhiError): void {
    if (!isBackendFailure(error)) throw error; // damaged weights, a missing file, a cancelled load
    this.#rejected.push({ what, why: error.message });
  }
}

/**
 * A format, and the same format with activations in float32 on a device with float16, because values may exceed
 * float16's range or its kernels may be wrong.
 */
function inEitherWidth(probed: ProbedBackend, form: WeightFormat): [ProbedBackend, Candidate][] {
  const narrow: Candidate = { ...probed, form };
  if (!probed.float16 || form === 'float32') return [[probed, narrow]];
  const wide: Candidate = form === 'float16' ? { ...narrow, form: 'float32' } : { ...narrow, activations: 'float32' };
  return [
    [probed, narrow],
    [probed, wide],
  ];
}

function notWorthIt(ms: number, wasmMs: number, form: WeightFormat): string {
  const times = `the speed test took ${ms.toFixed(0)} ms, and WASM took ${wasmMs.toFixed(0)} ms`;
  return `${times}. It computes on the CPU as well, so it must be ${requiredSpeedup(form).toFixed(1)} times as fast as WASM to be worth its memory.`;
}
