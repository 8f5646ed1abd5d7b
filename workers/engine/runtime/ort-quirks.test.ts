import { describe, expect, it } from 'vitest';
import manifest from '../../../package.json' with { type: 'json' };
import { captureInProvider, initialiseVariables, LOOKED_AT, sumInFloat32 } from './ort-quirks.ts';

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

describe('sumInFloat32', () => {
  const HALF = 'alias output_element_t = f16;';

  it('sums products of fours in float32', () => {
    const code = (acc: string, wide: (of: string) => string, out: string) => `${HALF}
var<workgroup> mm_Asub: array<array<vec4<output_element_t>, 8>, 32>;
var acc: array<vec4<${acc}>, rowPerThread>;
let BCached0 = ${wide('mm_Bsub[tileCol * innerElementSize][k]')};
let ACached = ${wide('mm_Asub[tileRow + i][k]')};
acc[i].x += dot(ACached, BCached0);
mm_write(batch, globalRow + innerRow, globalCol, ${out});`;
    expect(sumInFloat32(code('output_element_t', (of) => of, 'acc[innerRow]'))).toBe(
      code('f32', (of) => `vec4<f32>( ${of})`, 'output_value_t(acc[innerRow])'),
    );
  });

  it('sums single products in float32', () => {
    const code = (acc: string, wide: (of: string) => string, out: string) => `${HALF}
var<workgroup> mm_Asub: array<array<output_element_t, 32>, 32>;
var acc: array<array<${acc}, colPerThread>, rowPerThread>;
var BCached: array<${acc}, colPerThread>;
BCached[inner] = ${wide('mm_Bsub[tileCol + inner][k]')};
let ACached = ${wide('mm_Asub[tileRow + innerRow][k]')};
acc[innerRow][innerCol] = acc[innerRow][innerCol] + ACached * BCached[innerCol];
mm_write(batch, globalRow + innerRow, globalCol + innerCol, ${out});`;
    expect(sumInFloat32(code('output_element_t', (of) => of, 'acc[innerRow][innerCol]'))).toBe(
      code('f32', (of) => `f32( ${of})`, 'output_value_t(acc[innerRow][innerCol])'),
    );
  });

  it.for([
    'alias output_element_t = f32; var<workgroup> mm_Asub: array<array<vec4<output_element_t>, 8>, 32>; var acc: f16;',
    `${HALF} var acc: array<vec4<output_element_t>, 4>;`,
    `${HALF} var<workgroup> mm_Asub: array<array<vec3<output_element_t>, 8>, 32>; let ACached = a;`,
  ])('leaves %s', (code) => {
    expect(sumInFloat32(code)).toBe(code);
  });
});
