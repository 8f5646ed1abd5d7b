import { describe, expect, it } from 'vitest';
import { isHubBase, validateHubModel, type HubModel } from './hub.ts';

const model: HubModel = {
  kind: 'hub',
  id: 'tiny',
  name: 'Tiny',
  licence: { spdx: 'MIT', url: 'https://opensource.org/license/mit' },
  base: 'https://hub.test',
  repo: 'phi/tiny',
  revision: null,
  folder: 'gpu/int4/',
  files: [
    { path: 'gpu/int4/model.onnx.data' },
    { path: 'gpu/int4/config.json' },
    { path: 'gpu/int4/chat_template.jinja', optional: true },
  ],
};

describe('what the page hands over', () => {
  it.each([
    ['base', 'https://user:secret@hub.test'],
    ['base', 'https://hub.test/'],
    ['base', 'javascript:alert(1)'],
    ['base', 'https://hub.test?x=1'],
    ['licence', { spdx: 'MIT', url: 'javascript:alert(1)' }],
    ['repo', '../other'],
    ['repo', 'a/b/c'],
    ['revision', 'd6eb3e0'],
    ['folder', 'gpu'],
    ['files', []],
    ['files', [{ path: '../x' }]],
    ['files', [{ path: 'x', bytes: 1.5 }]],
    ['files', [{ path: 'x', sha256: 'ABC' }]],
  ])('is refused with a %s of %s', (field, value) => {
    expect(() => validateHubModel({ ...model, [field]: value })).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringContaining(field) as string }) as Error,
    );
  });

  it('passes as it is', () => {
    expect(validateHubModel(model)).toEqual(model);
  });

  it.each(['https://huggingface.co', 'http://10.0.0.7:8080', 'https://intranet.test/mirrors/hf'])(
    'may name %s',
    (base) => {
      expect(isHubBase(base)).toBe(true);
    },
  );
});
