/** Messages between page and service worker, and data from the build for the service worker. Types only. */

/** One file of the built app. */
export interface AppFile {
  /** Inside the app; '' is the page. */
  path: string;
  /** "sha384-...": what a deployment that is half-way through serves of another version is refused. */
  integrity: string;
}

/** Written by scripts/build/service-worker.ts as the first line of the service worker. */
export interface AppFiles {
  version: string;
  /** Kept from the start: page, scripts, styles, icons. */
  shell: AppFile[];
  /** ONNX Runtime's files, kept after their first use because they are large. */
  runtime: AppFile[];
}

export type ToServiceWorker =
  /** A waiting version takes over; sent when no tab has work under way. */
  | { type: 'activate' }
  /** Keeps what is missing of shell and runtime; answered through the port with `OfflineState`. */
  | { type: 'keep' };

export interface OfflineState {
  version: string;
  /** True if the page and ONNX Runtime can start without the network. */
  ready: boolean;
}
