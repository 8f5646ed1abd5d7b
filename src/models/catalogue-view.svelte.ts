import type { DeviceFacts } from '../../workers/shared/advisor/device.ts';
import type { Assessment } from '../../workers/shared/advisor/fit.ts';
import type { Use } from '../../workers/shared/advisor/recommend.ts';
import { rankAll } from '../../workers/shared/advisor/recommend.ts';
import { isHubBase } from '../../workers/shared/hub.ts';
import type { Settings } from '../settings/settings.svelte.ts';
import { CONTEXTS } from '../settings/settings.svelte.ts';
import type { Variant } from './catalogue/catalogue.ts';
import { MODELS, VARIANTS } from './catalogue/catalogue.ts';

export type Judged = Assessment & { candidate: Variant };

/** The default if nothing is set (workers/engine/choose/choose.ts). */
const DEFAULT_CONTEXT = 4096;

/** `https://hub.test/` without the slash at its end; null if it is not a valid address of a hub. Empty stays empty: the default. */
export function readBase(text: string): string | null {
  const base = text.trim().replace(/\/+$/, '');
  return base === '' || isHubBase(base) ? base : null;
}

/** The catalogue as this device sees it: judged, ranked, grouped. */
export class CatalogueView {
  readonly #settings: Settings;
  #use = $state<Use>('chat');
  #device = $state.raw<DeviceFacts | null>(null);
  readonly #judged = $derived(this.#device ? rankAll(VARIANTS, this.#device, this.#use, this.slots) : []);

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get use(): Use {
    return this.#use;
  }

  set use(use: Use) {
    this.#use = use;
  }

  get device(): DeviceFacts | null {
    return this.#device;
  }

  set device(device: DeviceFacts) {
    this.#device = device;
  }

  /** Context that memory is estimated for, in tokens. */
  get slots(): number {
    return this.#settings.values.contextLength || DEFAULT_CONTEXT;
  }

  set slots(slots: number) {
    this.#settings.change({ contextLength: slots });
  }

  /** The best for the use, or null when nothing fits; then `#judged[0]` says why. */
  get recommended(): Judged | null {
    const [best] = this.#judged;
    return best && best.verdict !== 'no' ? best : null;
  }

  /** True if a model would fit with the shortest context. */
  get shorterHelps(): boolean {
    return this.#device !== null && rankAll(VARIANTS, this.#device, this.#use, CONTEXTS[0])[0]!.verdict !== 'no';
  }

  /** Best of what does not fit either, to say why. */
  get closest(): Judged | null {
    return this.#judged[0] ?? null;
  }

  /** Every form of every model, the models in the order of the catalogue, the forms by rank. */
  get groups(): { name: string; reasoning: boolean; forms: Judged[] }[] {
    return MODELS.map((model) => ({
      name: model.name,
      reasoning: model.reasoning,
      forms: this.#judged.filter(({ candidate }) => candidate.model === model),
    }));
  }
}
