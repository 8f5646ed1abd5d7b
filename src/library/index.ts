/** The library `phi-in-a-tab`: docs/library.md. */
import type { ModelSource, PhiEngine } from './engine.ts';
import { EngineHost } from './language-model/engine-host.ts';
import { defineLanguageModel, type LanguageModelSettings } from './language-model/language-model.ts';
import type { LanguageModelConstructor } from './language-model/types.ts';
import { definePolyfillBackend, type PolyfillBackendConstructor } from './polyfill-backend.ts';

export { createEngine, PhiEngine } from './engine.ts';
export type { EngineOptions, GenerateOptions, ModelSource } from './engine.ts';
export { defineLanguageModel } from './language-model/language-model.ts';
export type { LanguageModelSettings } from './language-model/language-model.ts';
export type { LanguageModelHost } from './language-model/host.ts';
export type * from './language-model/types.ts';
export { borrowModel, type BorrowedModel } from './lend/borrow.ts';
export type {
  PolyfillBackend,
  PolyfillBackendConstructor,
  PolyfillChunk,
  PolyfillContent,
  PolyfillSessionParams,
} from './polyfill-backend.ts';
export { createOpenAI, OpenAIError } from './openai/chat.ts';
export type * from './openai/types.ts';
export { PhiError } from '../../workers/shared/errors.ts';
export type {
  BackendId,
  ChatMessage,
  EngineReport,
  GenerateStats,
  ModelManifest,
  Progress,
  Sampling,
  StoredModel,
} from '../../workers/shared/protocol.ts';

/** A `LanguageModel` whose sessions share one model of `engine`, which is downloaded and loaded by the first `create`. */
export function languageModel(
  engine: PhiEngine,
  source: ModelSource,
  settings: LanguageModelSettings = {},
): LanguageModelConstructor {
  return defineLanguageModel(new EngineHost(engine, source), settings);
}

/** A back end for Google's prompt-api-polyfill, whose sessions share one model of `engine`. */
export function polyfillBackend(
  engine: PhiEngine,
  source: ModelSource,
  modelName = 'phi-in-a-tab',
): PolyfillBackendConstructor {
  return definePolyfillBackend(new EngineHost(engine, source), modelName);
}

/**
 * Makes `LanguageModel` a global of the page where the browser has none, and returns the one that the page now has.
 * @param always ours also where the browser has its own
 */
export function installLanguageModel(
  engine: PhiEngine,
  source: ModelSource,
  { always = false, ...settings }: LanguageModelSettings & { always?: boolean } = {},
): LanguageModelConstructor {
  const scope = globalThis as { LanguageModel?: LanguageModelConstructor };
  if (!scope.LanguageModel || always) scope.LanguageModel = languageModel(engine, source, settings);
  return scope.LanguageModel;
}
