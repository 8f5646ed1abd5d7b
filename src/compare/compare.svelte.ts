/** State of the compare screen. It lives as long as the page, so that results survive a look at another screen. */
import { PhiError, type ErrorShape } from '../../workers/shared/errors.ts';
import type { ModelSession } from '../models/model-session.svelte.ts';
import { allowHost } from '../pwa/hosts.ts';
import type { RowProgress } from './measure.ts';
import {
  absentRows,
  customMeasures,
  entries,
  estimateRow,
  KINDS,
  SETTINGS,
  type Entry,
  type Measures,
  type RowId,
  type Setting,
} from './plan.ts';
import type { CompareResult } from './result.ts';
import { compare, type ServerEntry } from './run.ts';
import { checkAddress, isElsewhere, keepServers, PRESETS, readServers, type ServerSettings } from './servers.ts';

export interface Running {
  labels: string[];
  /** Row that is measured now, and how far it is; null while the prompts are made. */
  at: { index: number; progress: RowProgress } | null;
  done: number;
  startedAt: number;
  /** By the estimate of each row. */
  seconds: number[];
}

/** A result on the page: this machine's, or somebody else's. */
export interface Shown {
  id: number;
  result: CompareResult;
  own: boolean;
}

export class Compare {
  readonly #models: ModelSession;
  /** Asked for by the address; takes the place of the settings. */
  readonly custom: Measures | null = customMeasures(location.search);
  setting = $state<Setting>(this.custom ? 'custom' : 'quick');
  everyForm = $state(false);
  shuffled = $state(false);
  /** Not ticked by themselves; a person may tick them all the same. */
  readonly absent = absentRows({ ml: 'ml' in navigator, gpu: 'gpu' in navigator, isolated: crossOriginIsolated });
  chosen = $state<RowId[]>(KINDS.map(({ id }) => id).filter((id) => !this.absent.includes(id)));
  servers = $state<ServerSettings[]>(readServers());
  #running = $state.raw<Running | null>(null);
  #shown = $state.raw<Shown[]>([]);
  #problem = $state.raw<ErrorShape | null>(null);
  #stop: AbortController | null = null;
  #count = 0;

  constructor(models: ModelSession) {
    this.#models = models;
  }

  get running(): Running | null {
    return this.#running;
  }

  get shown(): readonly Shown[] {
    return this.#shown;
  }

  get problem(): ErrorShape | null {
    return this.#problem;
  }

  get measures(): Measures {
    return this.setting === 'custom' ? this.custom! : SETTINGS[this.setting];
  }

  get entries(): Entry[] {
    return entries(this.chosen, { everyForm: this.everyForm });
  }

  /** Seconds for everything that is chosen, about. */
  estimate(modelBytes: number): number {
    return this.#estimates(modelBytes).reduce((sum, seconds) => sum + seconds, 0);
  }

  #estimates(modelBytes: number): number[] {
    return [...this.entries.map(({ id }) => id), ...this.servers.map(() => 'native' as const)].map((id) =>
      estimateRow(id, modelBytes, this.measures),
    );
  }

  /** Measures `model`; the chat's own copy of it is unloaded meanwhile, so that it takes no memory from what is measured. */
  async run(model: { id: string; name: string; bytes: number }): Promise<void> {
    if (this.#running) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#problem = null;
    try {
      const servers = this.servers.map(toEntry);
      await Promise.all(
        servers.filter(({ address }) => isElsewhere(address)).map(({ address }) => allowHost('compare', address)),
      );
      keepServers(this.servers);
      const own = this.entries;
      const labels = [
        ...own.map(({ label, target }) => (target.form === 'auto' ? label : `${label}, ${target.form}`)),
        ...servers.map(({ label }) => label),
      ];
      this.#running = {
        labels,
        at: null,
        done: 0,
        startedAt: performance.now(),
        seconds: this.#estimates(model.bytes),
      };
      this.#models.release();
      const id = ++this.#count;
      const show = (result: CompareResult) => this.#show({ id, result, own: true });
      const request = {
        model,
        setting: this.setting,
        measures: this.measures,
        entries: own,
        servers,
        shuffled: this.shuffled,
      };
      const result = await compare(request, {
        signal: stop.signal,
        onRow: (index, progress) => this.#update({ at: { index, progress } }),
        onResult: (partial) => {
          this.#update({ done: partial.rows.length, at: null });
          show(partial);
        },
      });
      if (result.rows.length > 0) show(result);
    } catch (cause) {
      const error = PhiError.from(cause);
      if (error.code !== 'cancelled') this.#problem = error.toShape();
    } finally {
      this.#running = null;
      void this.#models.start();
    }
  }

  cancel(): void {
    this.#stop?.abort();
  }

  /** Puts somebody's result beside the others. */
  add(result: CompareResult): void {
    this.#show({ id: ++this.#count, result, own: false });
  }

  remove(id: number): void {
    this.#shown = this.#shown.filter((shown) => shown.id !== id);
  }

  #show(shown: Shown): void {
    const others = this.#shown.filter(({ id, own }) => id !== shown.id && !(own && shown.own));
    this.#shown = shown.own ? [shown, ...others] : [...others, shown];
  }

  #update(change: Partial<Running>): void {
    if (this.#running) this.#running = { ...this.#running, ...change };
  }
}

function toEntry({ kind, address, model, allowed }: ServerSettings): ServerEntry {
  if (model.trim() === '') throw new PhiError('bad-request', `${PRESETS[kind].name}: enter the name of a model.`);
  return { label: PRESETS[kind].name, address: checkAddress(address, allowed), model: model.trim() };
}
