import type { OfflineState, ToServiceWorker } from '../../workers/shared/offline-protocol.ts';
import { scriptUrl } from '../../workers/shared/script-url.ts';
import { idleHere, tryWhenIdle, whenIdle } from './busy.ts';

const UPDATE_CHECK_MS = 60 * 60 * 1000;
/** Set while the one reload for isolation is tried, so that there is no second. */
const RELOADED = 'phi-isolation-reload';

/** Chromium's event, which no standard has. */
interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

/** The benefit of a reload: another version, or the headers for threads. */
export type ReloadReason = 'update' | 'threads';

/** The page as an installed, offline app: what it knows of its service worker. */
export class Pwa {
  #notice = $state.raw<ReloadReason | null>(null);
  #applying = $state(false);
  #offlineReady = $state(false);
  #offlineWanted = false;
  #installPrompt = $state.raw<InstallPrompt | null>(null);
  #installed = $state(false);
  #worker = $state<'starting' | 'active' | 'none'>('starting');
  #registration: ServiceWorkerRegistration | null = null;

  /** Why a reload is offered; null: it is not. */
  get notice(): ReloadReason | null {
    return this.#notice;
  }

  /** The person has said yes; it happens when the last reply in any tab has ended. */
  get applying(): boolean {
    return this.#applying;
  }

  /** True if the page and ONNX Runtime can start without the network, as the service worker last found. It says nothing about the model. */
  get offlineReady(): boolean {
    return this.#offlineReady;
  }

  get installable(): boolean {
    return this.#installPrompt !== null;
  }

  get installed(): boolean {
    return this.#installed;
  }

  /** `none`: this browser or this address (http, private window) has no service worker. */
  get worker(): 'starting' | 'active' | 'none' {
    return this.#worker;
  }

  async start(): Promise<void> {
    this.#watchInstall();
    // A development server has no service worker, and on http addresses other than this machine's browsers have none.
    if (import.meta.env.MODE === 'development' || !navigator.serviceWorker) return void (this.#worker = 'none');
    this.#watchController();
    try {
      const registration = await navigator.serviceWorker.register(scriptUrl('./service-worker.js'), {
        updateViaCache: 'none',
      });
      this.#registration = registration;
      this.#watchUpdates(registration);
      await navigator.serviceWorker.ready;
      this.#worker = 'active';
      this.#isolate();
    } catch {
      this.#worker = 'none'; // Cookies are blocked, or the script was not to be had: the app works, and says that it is not offline.
    }
  }

  /**
   * Asks the service worker to store what is missing. Called once a model is there, so that the first visit does not
   * fetch the runtime.
   */
  async keepOffline(): Promise<void> {
    this.#offlineWanted = true;
    const worker = navigator.serviceWorker?.controller;
    if (!worker) return void (this.#offlineReady = false);
    const channel = new MessageChannel();
    const state = new Promise<OfflineState>(
      (resolve) => (channel.port1.onmessage = (event: MessageEvent<OfflineState>) => resolve(event.data)),
    );
    tell(worker, { type: 'keep' }, [channel.port2]);
    this.#offlineReady = (await state).ready;
  }

  /** Says yes to the notice. */
  async apply(): Promise<void> {
    const waiting = this.#registration?.waiting;
    this.#applying = true;
    // The new version takes over every tab, and each reloads: see #watchController.
    await whenIdle(() =>
      this.#notice === 'update' && waiting ? tell(waiting, { type: 'activate' }) : location.reload(),
    );
  }

  dismiss(): void {
    this.#notice = null;
  }

  async install(): Promise<void> {
    const prompt = this.#installPrompt;
    this.#installPrompt = null; // It works once.
    await prompt?.prompt();
  }

  #watchInstall(): void {
    this.#installed = matchMedia('(display-mode: standalone)').matches;
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault();
      this.#installPrompt = event as InstallPrompt;
    });
    window.addEventListener('appinstalled', () => {
      this.#installPrompt = null;
      this.#installed = true;
    });
  }

  #watchController(): void {
    let controlled = navigator.serviceWorker.controller !== null;
    navigator.serviceWorker.addEventListener('controllerchange', () => {
      // The first one takes up a page that it fits; a later one is another version, whose scripts have other names.
      if (controlled) void idleHere().then(() => location.reload());
      else if (this.#offlineWanted) void this.keepOffline();
      controlled = true;
    });
  }

  #watchUpdates(registration: ServiceWorkerRegistration): void {
    const offer = () => {
      // Without an active one it is the first installation, and nothing waits.
      if (registration.waiting && registration.active) this.#notice = 'update';
    };
    offer();
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer));
    let checked = Date.now();
    const check = () => {
      if (document.visibilityState !== 'visible' || Date.now() - checked < UPDATE_CHECK_MS) return;
      checked = Date.now();
      registration.update().catch(() => undefined); // Offline: tried again later.
    };
    document.addEventListener('visibilitychange', check);
    setInterval(check, UPDATE_CHECK_MS);
  }

  /** A host without headers: the service worker has them, from the next load on. One reload, and only one. */
  #isolate(): void {
    if (crossOriginIsolated) return sessionStorage.removeItem(RELOADED);
    if (sessionStorage.getItem(RELOADED) !== null) return;
    sessionStorage.setItem(RELOADED, 'yes');
    void tryWhenIdle(() => location.reload()).then((done) => {
      if (!done) this.#notice = 'threads';
    });
  }
}

function tell(worker: ServiceWorker, message: ToServiceWorker, transfer: Transferable[] = []): void {
  worker.postMessage(message, transfer);
}
