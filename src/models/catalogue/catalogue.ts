/**
 * The Phi models that can be downloaded, in every published form that this app reads. catalogue.json is made by scripts/make/catalogue.ts;
 * a size or hash that nobody published is absent there and asked for, and recorded, at the first download (workers/store/resolve-files.ts).
 */
import * as v from 'valibot';
import type { Choosable } from '../../../workers/shared/advisor/recommend.ts';
import { suitsOf } from '../../../workers/shared/advisor/recommend.ts';
import { parameterCount } from '../../../workers/shared/advisor/weights.ts';
import type { ModelManifest } from '../../../workers/shared/protocol.ts';
import type { HubFile, HubModel } from '../../../workers/shared/hub.ts';
import { DEFAULT_HUB, hubManifest } from '../../../workers/shared/hub.ts';
import data from './catalogue.json';
import { mixOf, orderOf } from './mix.ts';

const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const count = v.pipe(v.number(), v.integer(), v.minValue(1));

const FileSchema = v.strictObject({
  path: v.string(),
  /** Exact. */
  bytes: v.optional(bytes),
  /** As a page of the hub rounds it: to show and to estimate with, never to check by. */
  about: v.optional(bytes),
  sha256: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  optional: v.optional(v.boolean()),
});

const VariantSchema = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9._-]{0,127}$/)),
  format: v.picklist(['gguf', 'onnx-genai', 'onnx-web', 'safetensors']),
  /** The purpose of the file; it runs on every backend here. */
  target: v.picklist(['any', 'cpu', 'webgpu', 'directml', 'web']),
  quant: v.string(),
  bits: v.picklist([2, 3, 4, 5, 6, 8, 16]),
  repo: v.pipe(v.string(), v.regex(/^\w[\w.-]*\/\w[\w.-]*$/)),
  /** null: the commit is not known; `main` at the first download, then recorded. */
  revision: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/))),
  folder: v.pipe(v.string(), v.regex(/^$|\/$/)),
  /** Year and month of the weights, where the repository's name does not tell. */
  edition: v.optional(v.pipe(v.string(), v.regex(/^20\d\d-\d\d$/))),
  about: v.optional(bytes),
  files: v.pipe(v.array(FileSchema), v.minLength(1)),
});

const ModelSchema = v.strictObject({
  id: v.string(),
  name: v.string(),
  licence: v.literal('MIT'),
  /** Order of recommendation among models. */
  rank: count,
  /** It thinks aloud before it answers. */
  reasoning: v.optional(v.boolean(), false),
  shape: v.strictObject({
    layers: count,
    hidden: count,
    heads: count,
    kvHeads: count,
    headDim: count,
    intermediate: count,
    experts: v.optional(v.strictObject({ count })),
    vocab: count,
    context: count,
  }),
  /** The embedding is the head. */
  tied: v.boolean(),
  variants: v.pipe(v.array(VariantSchema), v.minLength(1)),
});

export type CatalogueModel = v.InferOutput<typeof ModelSchema>;

/** One downloadable variant of a model, with everything that a recommendation needs. */
export interface Variant extends v.InferOutput<typeof VariantSchema>, Choosable {
  bits: v.InferOutput<typeof VariantSchema>['bits'];
  model: CatalogueModel;
  /** For people: "Phi-4-mini-instruct (Q4_K_M)". */
  name: string;
  /** Name of the variant alone: "Q4_K_M". */
  label: string;
  /** True if `sourceBytes` is exact. */
  sized: boolean;
}

const LICENCE_URL = 'https://opensource.org/license/mit';
const WEIGHTS = /\.(gguf|onnx|onnx[._]data(_\d+)?|safetensors)$/;
/** Bits that a weight takes on average, scales included, where no size is known at all. */
const BITS_WITH_SCALES: Record<number, number> = { 2: 3, 3: 4, 4: 5, 5: 5.8, 6: 6.7, 8: 8.6, 16: 16 };

/** Throws a ValiError that names the field when the catalogue breaks its own rules. */
export function readCatalogue(value: unknown): CatalogueModel[] {
  return v.parse(v.array(ModelSchema), value);
}

export const MODELS = readCatalogue(data);

export const VARIANTS: Variant[] = MODELS.flatMap((model) =>
  model.variants.map((variant) => withFacts(model, variant)),
);

function withFacts(model: CatalogueModel, variant: CatalogueModel['variants'][number]): Variant {
  const weights = variant.files.filter(({ path }) => WEIGHTS.test(path));
  const needed = variant.files.filter(({ optional }) => !optional);
  const label = variant.format === 'gguf' ? variant.quant : `${formatName(variant)}, ${variant.quant}`;
  return {
    ...variant,
    model,
    name: `${model.name} (${label})`,
    label,
    shape: model.shape,
    mix: mixOf(variant.format, variant.quant, variant.bits, model.tied),
    sourceBytes: totalBytes(model, variant),
    sized: needed.every((file) => file.bytes !== undefined),
    suits: suitsOf(variant.bits),
    rank: model.rank,
    order: orderOf(variant.quant),
    hashed: weights.every(({ sha256 }) => sha256 !== undefined),
  };
}

/** "ONNX for the CPU" without the words: names of formats and targets are the same in every language. */
function formatName({ format, target }: CatalogueModel['variants'][number]): string {
  const targets = { any: '', cpu: ' CPU', webgpu: ' WebGPU', directml: ' DirectML', web: ' web' };
  return format === 'safetensors' ? 'safetensors' : `ONNX${targets[target]}`;
}

function totalBytes(model: CatalogueModel, { files, about, bits }: CatalogueModel['variants'][number]): number {
  const known = files.map((file) => file.bytes ?? file.about ?? (WEIGHTS.test(file.path) ? null : 0));
  const sum = known.reduce<number>((total, size) => total + (size ?? 0), 0);
  if (!known.includes(null)) return sum;
  return about ?? Math.round((parameterCount(model.shape, model.tied) * BITS_WITH_SCALES[bits]!) / 8);
}

/** The engine's description of a download of a variant from `baseUrl`: huggingface.co, a mirror, or a file server with the same paths. */
export function toHubModel(
  { id, name, model, repo, revision, folder, files }: Variant,
  { baseUrl = DEFAULT_HUB }: { baseUrl?: string } = {},
): HubModel {
  return {
    kind: 'hub',
    id,
    name,
    licence: { spdx: model.licence, url: LICENCE_URL },
    base: baseUrl.replace(/\/+$/, ''),
    repo,
    revision,
    folder,
    files: files.map(({ path, bytes, sha256, optional }): HubFile => ({
      path,
      bytes,
      sha256,
      ...(optional ? { optional } : {}),
    })),
  };
}

/**
 * The manifest of a variant of which every size is known beforehand. Throws `bad-request` naming the files of which it is not: those are for
 * `toHubModel`.
 */
export function toManifest(variant: Variant, options: { baseUrl?: string } = {}): ModelManifest {
  return hubManifest(toHubModel(variant, options));
}
