import * as v from 'valibot';
import type { Sampling } from '../../workers/shared/protocol.ts';
import { parsePrompts } from '../prompts/prompts.ts';
import { GENERATIONS } from '../npu/generations.ts';
import { randomSeed } from '../../workers/shared/seed.ts';
import { WEIGHT_FORMATS } from '../../workers/shared/weight-formats.ts';

const STORAGE_KEY = 'phi-settings';

const number = (min: number, max: number, fallback: number) =>
  v.fallback(v.pipe(v.number(), v.minValue(min), v.maxValue(max)), fallback);
const integer = (min: number, max: number, fallback: number) =>
  v.fallback(v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max)), fallback);

/** Bounds of the sliders and of what is read from storage. */
export const BOUNDS = {
  temperature: { min: 0, max: 2, step: 0.05 },
  topK: { min: 0, max: 200, step: 1 },
  topP: { min: 0.05, max: 1, step: 0.05 },
  minP: { min: 0, max: 0.5, step: 0.01 },
  repetitionPenalty: { min: 1, max: 2, step: 0.05 },
} as const;

/** Context lengths to choose from, in tokens. */
export const CONTEXTS = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072] as const;

export const DEFAULT_SAMPLING: Omit<Sampling, 'seed'> = {
  temperature: 0.3,
  topK: 40,
  topP: 0.9,
  minP: 0.05,
  repetitionPenalty: 1.05,
};
/** Weight formats to choose from. */
export const FORM_CHOICES = ['auto', ...WEIGHT_FORMATS] as const;
export const MAX_SEED = 2 ** 32 - 1;

const bounded = (name: keyof typeof BOUNDS) => number(BOUNDS[name].min, BOUNDS[name].max, DEFAULT_SAMPLING[name]);

/** Every field falls back on its own, so that one bad value does not cost the others. */
const SettingsSchema = v.object({
  language: v.fallback(v.picklist(['auto', 'en', 'ja']), 'auto'),
  theme: v.fallback(v.picklist(['system', 'light', 'dark']), 'system'),
  /** The list of chats is shown beside the page, where there is room. */
  sidebar: v.fallback(v.boolean(), true),
  /** Folders of chats whose rows are hidden. */
  closedFolders: v.fallback(v.array(v.string()), []),
  /** Chosen model; null = the starter. */
  model: v.fallback(v.nullable(v.string()), null),
  /** The server for model downloads, without a slash at the end; '' = huggingface.co. */
  hub: v.fallback(v.string(), ''),
  backend: v.fallback(v.picklist(['auto', 'webnn', 'webgpu', 'wasm']), 'auto'),
  /** How weights are held for computing; 'auto': what is fastest here. */
  form: v.fallback(v.picklist(FORM_CHOICES), 'auto'),
  /** Which graphics processor, where there are two. */
  power: v.fallback(v.picklist(['auto', 'low-power', 'high-performance']), 'auto'),
  /** The person's NPU as they name it, for estimates. A page cannot find it out. */
  npu: v.fallback(v.picklist(['all', ...GENERATIONS]), 'all'),
  /** The person's own origin-trial token; public/theme.js gives it to the browser before any other script. */
  originTrial: v.fallback(v.string(), ''),
  /** Slots of the KV cache; 0 = what the model and the device allow. */
  contextLength: integer(0, 131_072, 0),
  /** System prompt of new conversations. */
  system: v.fallback(v.string(), ''),
  temperature: bounded('temperature'),
  topK: integer(BOUNDS.topK.min, BOUNDS.topK.max, DEFAULT_SAMPLING.topK),
  topP: bounded('topP'),
  minP: bounded('minP'),
  repetitionPenalty: bounded('repetitionPenalty'),
  /** null = a new one for every reply. */
  seed: v.fallback(v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_SEED))), null),
  maxTokens: integer(1, 131_072, 1024),
  /** The person's own prompts. */
  prompts: v.pipe(v.unknown(), v.transform(parsePrompts)),
});

/** What a chat may have of its own. */
export type SamplingValues = Pick<
  SettingsValues,
  'temperature' | 'topK' | 'topP' | 'minP' | 'repetitionPenalty' | 'seed' | 'maxTokens'
>;

export type SettingsValues = v.InferOutput<typeof SettingsSchema>;

/** Reads the stored settings; invalid values get their default. */
export function parseSettings(json: string | null): SettingsValues {
  let value: unknown;
  try {
    value = JSON.parse(json ?? '{}');
  } catch {
    value = {}; // Damaged settings are replaced by the defaults.
  }
  const record = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  const blank = Object.fromEntries(Object.keys(SettingsSchema.entries).map((key) => [key, undefined]));
  return v.parse(SettingsSchema, { ...blank, ...record });
}

/** The person's choices, kept in localStorage, because the theme is needed before the first paint. */
export class Settings {
  readonly #storage: Storage | null;
  #values = $state<SettingsValues>(parseSettings(null));
  /** Another tab changed something. This tab takes it over, because its next change would undo it otherwise. */
  onChangedElsewhere: () => void = () => undefined;

  constructor(storage: Storage | null = usableStorage()) {
    this.#storage = storage;
    this.#values = parseSettings(storage?.getItem(STORAGE_KEY) ?? null);
    globalThis.addEventListener?.('storage', (event: StorageEvent) => {
      if (event.key !== STORAGE_KEY || event.storageArea !== storage) return;
      // The model that runs here is this tab's own.
      Object.assign(this.#values, parseSettings(event.newValue), { model: this.#values.model });
      this.onChangedElsewhere();
    });
  }

  get values(): Readonly<SettingsValues> {
    return this.#values;
  }

  change(values: Partial<SettingsValues>): void {
    Object.assign(this.#values, values);
    this.#storage?.setItem(STORAGE_KEY, JSON.stringify(this.#values));
  }

  reset(): void {
    // The model and the prompts stay: a download and the person's own words are not preferences.
    const { model, prompts } = this.#values;
    this.change({ ...parseSettings(null), model, prompts });
  }

  /** Sampling of the next reply; without a fixed seed, a new one. `own`: what the chat has of its own. */
  sampling(own: Partial<SamplingValues> = {}): Sampling {
    const { temperature, topK, topP, minP, repetitionPenalty, seed } = { ...this.#values, ...own };
    return { temperature, topK, topP, minP, repetitionPenalty, seed: seed ?? randomSeed() };
  }
}

/** localStorage, or null where the browser forbids it (cookies blocked); settings then last as long as the page. */
function usableStorage(): Storage | null {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
