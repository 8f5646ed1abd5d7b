/** One visit of the lending window: who asks, what the person decides, what is lent. */
import { READY, readAsk } from '../../workers/shared/lend-protocol.ts';
import type { StoredModel } from '../../workers/shared/protocol.ts';
import { PhiEngine } from '../library/engine.ts';
import { EngineHost } from '../library/language-model/engine-host.ts';
import { EngineClaim } from '../models/engine-claim.ts';
import { addGrant, grantFor, GRANTS_KEY, type Grant, type Term } from './grants.ts';
import { Lender } from './lender.ts';

export interface Guest {
  origin: string;
  port: MessagePort;
  /** The person agreed before, and it still holds. */
  grant: Grant | null;
}

export type LendState =
  | { kind: 'waiting' }
  /** No site has asked. */
  | { kind: 'alone' }
  | { kind: 'asking'; guest: Guest; models: StoredModel[] }
  | { kind: 'elsewhere'; guest: Guest; models: StoredModel[] }
  | { kind: 'lending'; guest: Guest; model: StoredModel; ready: boolean; replies: number }
  | { kind: 'ended'; why: EndedWhy };

/** `own`: the person's own chat took the model. */
type EndedWhy = 'stopped' | 'own' | 'refused' | 'hostile';

/** A guest that asks does so at once. */
const ALONE_MS = 5_000;

export class Lending {
  #state = $state.raw<LendState>({ kind: 'waiting' });
  readonly #engine: PhiEngine;
  readonly #claim: EngineClaim;
  #lender: Lender | null = null;

  constructor(engine = new PhiEngine(), claim = new EngineClaim()) {
    this.#engine = engine;
    this.#claim = claim;
    // The person's own chat goes first: the app takes the claim, and this window ends what it lends.
    claim.onLost = () => this.#end('own');
  }

  get state(): LendState {
    return this.#state;
  }

  /** Listens for the site that opened this window. */
  start(opener: Window | null): void {
    if (!opener) {
      this.#state = { kind: 'alone' };
      return;
    }
    addEventListener('message', (event: MessageEvent<unknown>) => {
      const [port] = event.ports;
      // The first to ask, and only the window that opened this one; its origin is the browser's word, not the site's.
      if (event.source !== opener || !port || !readAsk(event.data) || this.#state.kind !== 'waiting') return;
      void this.#ask(event.origin, port);
    });
    addEventListener('storage', ({ key }) => {
      const { guest } = this.#state as { guest?: Guest };
      if (key === GRANTS_KEY && this.#state.kind === 'lending' && guest?.grant && !grantFor(guest.origin))
        this.#end('stopped');
    });
    setTimeout(() => this.#state.kind === 'waiting' && (this.#state = { kind: 'alone' }), ALONE_MS);
    opener.postMessage(READY, '*');
  }

  async #ask(origin: string, port: MessagePort): Promise<void> {
    const guest = { origin, port, grant: grantFor(origin) };
    this.#state = { kind: 'asking', guest, models: await this.#engine.models() };
  }

  /** The person agrees, by a click in this window. */
  async lend(id: string, term: Term): Promise<void> {
    if (this.#state.kind !== 'asking' && this.#state.kind !== 'elsewhere') return;
    const { guest, models } = this.#state;
    const model = models.find((one) => one.id === id);
    if (!model) return;
    if (!(await this.#claim.take())) {
      this.#state = { kind: 'elsewhere', guest, models };
      return;
    }
    if (!guest.grant || term !== 'once') addGrant(guest.origin, id, term);
    const lent = { ...guest, grant: grantFor(guest.origin) };
    this.#state = { kind: 'lending', guest: lent, model, ready: false, replies: 0 };
    const host = new EngineHost(this.#engine, { stored: id });
    const lender = (this.#lender = new Lender(guest.port, host));
    lender.onHostile = () => this.#end('hostile');
    lender.onReply = () => this.#update(({ replies }) => ({ replies: replies + 1 }));
    // The guest hears of a load that fails when it asks for something.
    host
      .ready(() => undefined)
      .then(
        () => this.#update(() => ({ ready: true })),
        () => undefined,
      );
  }

  #update(change: (state: LendState & { kind: 'lending' }) => Partial<LendState & { kind: 'lending' }>): void {
    if (this.#state.kind === 'lending') this.#state = { ...this.#state, ...change(this.#state) };
  }

  refuse(): void {
    if (this.#state.kind !== 'asking' && this.#state.kind !== 'elsewhere') return;
    this.#state.guest.port.postMessage({ type: 'refused' });
    this.#state.guest.port.close();
    this.#end('refused');
  }

  stop(): void {
    this.#end('stopped');
  }

  #end(why: EndedWhy): void {
    this.#lender?.close();
    this.#lender = null;
    this.#engine.dispose();
    this.#claim.release();
    this.#state = { kind: 'ended', why };
  }
}
