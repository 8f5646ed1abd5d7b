/** The machine as the browser reports it, without anything that could identify a person. */
import type { CompareResult } from './result.ts';

interface Brands {
  brands?: { brand: string; version: string }[];
  platform?: string;
}

/** "Chrome 153", "Firefox 140". Never the whole user agent. */
export function browserName(userAgent: string, brands: Brands['brands'] = []): string {
  const brand =
    brands.find(({ brand }) => !/not.?a.?brand/i.test(brand) && brand !== 'Chromium') ??
    brands.find(({ brand }) => brand === 'Chromium');
  if (brand) return `${brand.brand} ${brand.version}`;
  for (const [name, pattern] of [
    ['Edge', /Edg\/(\d+)/],
    ['Firefox', /Firefox\/(\d+)/],
    ['Chrome', /(?:Headless)?Chrome\/(\d+)/],
    ['Safari', /Version\/(\d+(?:\.\d+)?).*Safari/],
  ] as const) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return `${name} ${version}`;
  }
  return 'unknown';
}

export function systemName(userAgent: string, platform = ''): string {
  if (platform) return platform;
  const known = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS X', 'CrOS', 'Linux'].find((name) =>
    userAgent.includes(name),
  );
  return known ?? 'unknown';
}

export async function describeMachine(): Promise<CompareResult['machine']> {
  const { userAgentData, deviceMemory, gpu } = navigator as Navigator & {
    userAgentData?: Brands;
    deviceMemory?: number;
    gpu?: GpuLike;
  };
  const info = gpu && (await inTime(gpu.requestAdapter()))?.info;
  const adapter =
    info && ([info.description || [info.vendor, info.architecture, info.device].filter(Boolean).join(' ')][0] ?? '');
  return {
    browser: browserName(navigator.userAgent, userAgentData?.brands),
    system: systemName(navigator.userAgent, userAgentData?.platform),
    adapter: adapter ? adapter.slice(0, 200) : null,
    cores: navigator.hardwareConcurrency || null,
    memoryGigabytes: deviceMemory ?? null,
    isolated: crossOriginIsolated,
  };
}

interface GpuLike {
  requestAdapter(): Promise<{
    info?: { vendor: string; architecture: string; device: string; description: string };
  } | null>;
}

interface Battery {
  charging: boolean;
  /** 0 to 1. */
  level: number;
}

/** The battery as the browser reports it; null where it does not (Firefox, Safari), and where it is full and charging: so answers a computer without one. */
export async function readBattery(): Promise<Battery | null> {
  const { getBattery } = navigator as Navigator & { getBattery?: () => Promise<Battery> };
  const battery = getBattery ? await inTime(getBattery.call(navigator)) : null;
  if (!battery || (battery.charging && battery.level === 1)) return null;
  return { charging: battery.charging, level: battery.level };
}

/** Bytes of the page and its workers; null where the browser does not tell, or not in time (it may wait for its next collection). */
export async function pageBytes(): Promise<number | null> {
  const measure = (performance as Performance & { measureUserAgentSpecificMemory?: () => Promise<{ bytes: number }> })
    .measureUserAgentSpecificMemory;
  return measure ? ((await inTime(measure.call(performance)))?.bytes ?? null) : null;
}

const PATIENCE_MS = 3_000;

/** Optional facts: null if the browser refuses them or a driver hangs. */
export function inTime<T>(answer: Promise<T>): Promise<T | null> {
  const timeout = new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE_MS));
  return Promise.race([answer.catch(() => null), timeout]);
}
