import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { captureInProvider, initialiseVariables, LOOKED_AT } from './ort-quirks.ts';

it('were looked at with the version of ONNX Runtime that is used', () => {
  expect(manifest.dependencies['onnxruntime-web']).toBe(LOOKED_AT);
});

it('graph capture is on while the provider reads it, then off', () => {
  const options = captureInProvider({ executionProviders: ['webgpu'] });
  expect(Array.from({ length: 6 }, () => options.enableGraphCapture)).toEqual([true, true, true, true, false, false]);
});

describe('initialiseVariables', () => {
  it('sets local variables to the zero value of their type', () => {
    expect(initialiseVariables('for (;;) { var qk_1 : vec4<f32>; qk_1[0] += 1; }')).toBe(
      'for (;;) { var qk_1 : vec4<f32> = vec4<f32>(); qk_1[0] += 1; }',
    );
    expect(initialiseVariables('  var rows: array<array<f16, 4u>, kTile / 2u>;')).toBe(
      '  var rows : array<array<f16, 4u>, kTile / 2u> = array<array<f16, 4u>, kTile / 2u>();',
    );
  });

  it.for([
    'var sum = 0.0;',
    'var sum : f32 = f32(x);',
    'var<private> o_tile : array<vec4<f16>, 16>;',
    'var<workgroup> k_tile : array<vec4<f32>, 16>;',
    '@group(0) @binding(0) var<storage, read> q: array<vec4<f16>>;',
    '@group(0) @binding(1) var image : texture_2d<f32>;',
    'let variable : f32 = x;',
  ])('leaves %s', (code) => {
    expect(initialiseVariables(code)).toBe(code);
  });
});
