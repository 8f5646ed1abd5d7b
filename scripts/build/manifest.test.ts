import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sharedText } from '../../src/pwa/launch.ts';
import { ROOT } from './app.ts';

interface Picture {
  src: string;
  type: string;
  sizes: string;
  purpose?: string;
  form_factor?: string;
}
interface Manifest {
  name: string;
  start_url: string;
  scope: string;
  display: string;
  icons: Picture[];
  screenshots: Picture[];
  shortcuts: { name: string; url: string; icons: Picture[] }[];
  share_target: { action: string; method: string; params: Record<string, string> };
  file_handlers: { action: string; accept: Record<string, string[]> }[];
}

const APP = 'https://host.test/phi/';
const publicFile = (path: string): Promise<Buffer> => readFile(join(ROOT, 'public', path));
const manifest = JSON.parse((await publicFile('manifest.webmanifest')).toString()) as Manifest;
const pictures = [...manifest.icons, ...manifest.screenshots, ...manifest.shortcuts.flatMap(({ icons }) => icons)];

const PNG_COLOUR_WITH_ALPHA = 6;

/** Size and kind of colour out of the header of a PNG. */
function readPng(bytes: Buffer): { size: string; alpha: boolean } {
  expect(bytes.subarray(1, 4).toString('latin1')).toBe('PNG');
  return { size: `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, alpha: bytes[25] === PNG_COLOUR_WITH_ALPHA };
}

describe('the web app manifest', () => {
  it('names the app, and works under any path', () => {
    expect(manifest.name).toBe('Phi in a tab');
    expect(manifest.display).toBe('standalone');
    const addresses = [
      manifest.start_url,
      manifest.scope,
      manifest.share_target.action,
      ...manifest.file_handlers.map(({ action }) => action),
    ];
    for (const address of addresses) expect(new URL(address, `${APP}manifest.webmanifest`).href).toBe(APP);
    for (const { src } of pictures) expect(src).toMatch(/^\.\//);
  });

  it.each(pictures.filter(({ type }) => type === 'image/png'))(
    'has $src in the size that it says',
    async ({ src, sizes }) => {
      expect(readPng(await publicFile(src)).size).toBe(sizes);
    },
  );

  it('has the icons that browsers ask for: 192 and 512, plain and to be cut to any shape', () => {
    for (const purpose of ['any', 'maskable']) {
      const sizes = manifest.icons.filter((icon) => icon.purpose === purpose).map((icon) => icon.sizes);
      expect(sizes).toEqual(expect.arrayContaining(['192x192', '512x512']));
    }
    expect(manifest.screenshots.map(({ form_factor }) => form_factor).sort()).toEqual(['narrow', 'wide']);
  });

  it('has shortcuts to a new chat and to the comparison', () => {
    expect(manifest.shortcuts.map(({ url }) => new URL(url, APP).hash)).toEqual(['#/', '#/compare']);
  });

  it('opens model files', () => {
    expect(manifest.file_handlers.flatMap(({ accept }) => Object.values(accept).flat())).toEqual(['.gguf', '.onnx']);
  });

  it('shares by names that the page knows', () => {
    expect(manifest.share_target.method).toBe('GET');
    const url = new URL(APP);
    for (const name of Object.values(manifest.share_target.params)) url.searchParams.set(name, `a ${name}`);
    expect(sharedText(url)).toBe('a title\na text\na url');
  });
});

describe('a shared text', () => {
  it.each([
    ['', null],
    ['?fake=plain', null],
    ['?text=%20%20', null],
    ['?text=One%0Atwo', 'One\ntwo'],
    ['?title=T&text=See%20https%3A%2F%2Fa.test%2F&url=https%3A%2F%2Fa.test%2F', 'T\nSee https://a.test/'],
    ['?title=Same&text=Same', 'Same'],
    ['?text=https%3A%2F%2Fa.test%2F&url=https%3A%2F%2Fa.test%2F', 'https://a.test/'],
  ])('%s', (search, text) => {
    expect(sharedText(new URL(`${APP}${search}`))).toBe(text);
  });
});
