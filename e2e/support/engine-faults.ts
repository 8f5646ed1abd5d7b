/** Faults that strike inside the page, at a given token of a reply, and how long the calls under way take to settle after them. */
import type { Page } from 'playwright';
import { ENGINE, inject, keepDevices, type WithDevices } from './inject.ts';

/** Faults that the page can cause itself in the middle of a reply. `device` loses the GPU device or WebNN context, `call` leaves it to the test. */
export type Fault = 'stop' | 'terminate' | 'device' | 'call';

interface Hooks {
  engines: Worker[];
  /** Strikes when a reply has this many tokens; 0: as soon as it is asked for. */
  armed: { tokens: number; strike: () => void } | null;
  struckAt: number;
  settledMs: Promise<number>;
}
type Hooked = Window & { fire: Hooks; faultInTest(): Promise<void>; Worker: typeof Worker };

const CHANNEL = 'phi-fire';
/** A call that has not settled by then never will. The test should say so instead of waiting. */
const GIVEN_UP_MS = 30_000;

/** Runs in the page before its own code. */
function watchPage(): void {
  const scope = window as unknown as Hooked;
  const fire: Hooks = { engines: [], armed: null, struckAt: 0, settledMs: Promise.resolve(0) };
  scope.fire = fire;
  scope.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      if (String(args[0]).includes('engine.worker')) fire.engines.push(this);
    }
  };
  const see = ({ data }: MessageEvent): void => {
    const event = (data as { argumentList?: { value?: { type?: string; tokens?: number } }[] } | null)
      ?.argumentList?.[0]?.value;
    if (event?.type !== 'text' || !fire.armed || event.tokens! < fire.armed.tokens) return;
    const { strike } = fire.armed;
    fire.armed = null;
    strike();
  };
  // Before comlink's own listener: the fault strikes when a token arrives, not when it is shown.
  // oxlint-disable-next-line typescript/unbound-method -- called with the port below
  const listen = MessagePort.prototype.addEventListener;
  MessagePort.prototype.addEventListener = function (this: MessagePort, ...args: Parameters<typeof listen>) {
    if (args[0] === 'message') listen.call(this, 'message', see as EventListener);
    listen.apply(this, args);
  };
}

/** Runs in the engine's worker after `keepDevices`. */
function loseOnMessage(channel: string): void {
  // All of them: the last one made may have served a probe and be closed already.
  new BroadcastChannel(channel).onmessage = () => {
    for (const device of (globalThis as WithDevices).devices.splice(0)) device.destroy();
  };
}

/** To be called before the page is opened. `faultInTest`: what the fault `call` does. */
export async function installFaults(
  page: Page,
  faultInTest: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await page.addInitScript(watchPage);
  await page.exposeFunction('faultInTest', faultInTest);
  await inject(page, ENGINE, keepDevices, null);
  await inject(page, ENGINE, loseOnMessage, CHANNEL);
}

/** The next reply meets `fault` at its token `tokens`. */
export async function arm(page: Page, fault: Fault, tokens: number): Promise<void> {
  await page.evaluate(
    ([kind, at, channel, givenUpMs]) => {
      const scope = window as unknown as Hooked;
      const { fire } = scope;
      const idle = () => !document.querySelector('article[aria-busy=true]');
      const engines = fire.engines.length;
      /** The sign that the calls of the lost worker have been rejected: the next worker is made after that. */
      const replaced = () => fire.engines.length > engines;
      const press = () => document.querySelector<HTMLButtonElement>('button[aria-label=Stop]')?.click();
      const strikes: Record<Fault, () => void> = {
        stop: press,
        terminate: () => fire.engines.at(-1)!.terminate(),
        device: () => new BroadcastChannel(channel).postMessage(null),
        call: () => void scope.faultInTest(),
      };
      fire.settledMs = new Promise((resolve) => {
        const strike = () => {
          fire.struckAt = performance.now();
          strikes[kind]();
          const look = () => {
            const ms = performance.now() - fire.struckAt;
            if ((kind === 'terminate' || kind === 'device' ? replaced() : idle()) || ms > givenUpMs) resolve(ms);
            else setTimeout(look, 5);
          };
          setTimeout(look, 5);
        };
        if (at > 0) fire.armed = { tokens: at, strike };
        else
          new MutationObserver((_, observer) => idle() || (observer.disconnect(), strike())).observe(document.body, {
            subtree: true,
            childList: true,
            attributes: true,
          });
      });
    },
    [fault, tokens, CHANNEL, GIVEN_UP_MS] as const,
  );
}

/** Milliseconds from the fault until every call that it met had settled. Rejects when it did not strike. */
export const settledMs = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const { fire } = window as unknown as Hooked;
    if (fire.armed) throw new Error(`The reply ended before it had ${fire.armed.tokens} tokens.`);
    return fire.settledMs;
  });
