/** Servers that a person named, let through by the policy of the workers that are to ask them (pwa/hosts.ts). */
import type { FoundModel, ModelManifest, Place } from '../../workers/shared/protocol.ts';
import { originOf, removeAllowedHost } from '../../workers/shared/allowed-hosts.ts';
import { parseAddress } from '../../workers/shared/address.ts';
import type { HubModel } from '../../workers/shared/hub.ts';
import type { Engine, JobOptions } from '../engine/engine.ts';

/**
 * Rejects with the reason why a server cannot be reached. Resolves with true if a running worker was started before the
 * server was allowed.
 */
type Allow = (address: string) => Promise<boolean>;

/** Takes back what `Allow` gave. */
type Forget = (origin: string) => Promise<void>;

const forgetHost: Forget = (origin) => removeAllowedHost('models', origin);

const allowHost: Allow = async (address) => (await import('../pwa/hosts.ts')).allowHost('models', address);

/** The servers of a model's bytes, besides this page's own server. */
function serversOf(model: HubModel | ModelManifest): string[] {
  if ('base' in model) return [model.base];
  const urls = model.files.flatMap(({ shards }) => shards.map(({ url }) => url)).filter((url) => /^https?:/i.test(url));
  return [...new Set(urls.map((url) => new URL(url).origin))];
}

export class Reach {
  readonly #engine: Engine;
  readonly #allow: Allow;
  readonly #forget: Forget;
  /** A server was allowed that the engine's worker, which keeps the policy it was started with, may not know. */
  #stale = false;

  constructor(engine: Engine, allow: Allow = allowHost, forget: Forget = forgetHost) {
    this.#engine = engine;
    this.#allow = allow;
    this.#forget = forget;
  }

  /** Before a download: the engine's worker is started again if it has to be, which unloads the model. */
  async forDownload(model: HubModel | ModelManifest): Promise<void> {
    for (const server of serversOf(model)) this.#stale = (await this.#allow(server)) || this.#stale;
    if (this.#stale) this.#engine.terminate('a new worker is needed to reach the server that was allowed');
    this.#stale = false;
  }

  /** After a model was deleted: a server that no other model comes from, and that is not the hub in use, is allowed no longer. */
  async afterRemoval(removed: ModelManifest, kept: readonly ModelManifest[], hub: string): Promise<void> {
    const originsOf = (model: ModelManifest) => serversOf(model).map(originOf);
    const needed = new Set(kept.flatMap(originsOf));
    if (URL.canParse(hub)) needed.add(new URL(hub).origin);
    for (const origin of new Set(originsOf(removed))) if (!needed.has(origin)) await this.#forget(origin);
  }

  /** Finds the models at a place. A separate worker inspects an address: its policy allows the server, and the loaded model stays. */
  async inspect(place: Place, options: JobOptions): Promise<FoundModel[]> {
    if ('files' in place) return this.#engine.inspect(place, options);
    const address = parseAddress(place.address, place.hub);
    const server = address.kind === 'file' ? address.url : address.base;
    this.#stale = (await this.#allow(server)) || this.#stale;
    const visitor = this.#engine.another();
    try {
      return await visitor.inspect(place, options);
    } finally {
      visitor.terminate('the inspection is complete', 'cancelled');
    }
  }
}
