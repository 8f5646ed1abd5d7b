/**
 * Writes workers/engine/weights/kernels.wasm.ts: the loops over weights in WebAssembly SIMD. The source is the text below; wabt assembles it.
 *
 *     npx tsx scripts/make/weight-kernels.ts
 *
 * What each function does is said in workers/engine/weights/kernels.ts, and kernels.test.ts compares each with plain TypeScript, bit for bit.
 */
import {
  add,
  assemble,
  eachFour,
  get,
  int,
  larger,
  load,
  locals,
  loop,
  minus,
  negate,
  params,
  plus,
  set,
  shuffle,
  store,
  swizzle,
  times4,
} from './wat.ts';

/** Rows of a tile that is transposed. */
const TILE = 64;

/** Four codes as whole numbers, the zero point taken away. */
const codes = `(i32x4.sub (i32x4.extend_low_i16x8_u (i16x8.extend_low_i8x16_u (v128.load32_zero ${get('codes')}))) ${get('zeros')})`;

const symmetric = `(func (export "dequantiseSymmetric") ${params('codes', 'scales', 'out', 'blocks', 'block', 'zero')}
  ${locals('i32', 'end', 'last')} ${locals('v128', 'scale', 'zeros')}
  ${set('zeros', `(i32x4.splat ${get('zero')})`)}
  ${set('last', add(get('scales'), times4(get('blocks'))))}
  ${loop(
    'scales',
    int(4),
    get('last'),
    `${set('scale', `(v128.load32_splat ${get('scales')})`)}
    ${set('end', add(get('codes'), get('block')))}
    ${loop(
      'codes',
      int(4),
      get('end'),
      `${store(get('out'), `(f32x4.mul (f32x4.convert_i32x4_s ${codes}) ${get('scale')})`)}
      ${set('out', add(get('out'), int(16)))}`,
    )}`,
  )})`;

/** In float64 and rounded once, as TypeScript does it. */
const wide = (half: string) =>
  `(f32x4.demote_f64x2_zero (f64x2.add (f64x2.mul (f64x2.convert_low_i32x4_s ${half}) ${get('scale')}) ${get('min')}))`;

const withMins = `(func (export "dequantise") ${params('codes', 'scales', 'mins', 'out', 'blocks', 'block', 'zero')}
  ${locals('i32', 'end', 'last')} ${locals('v128', 'scale', 'min', 'zeros', 'code')}
  ${set('zeros', `(i32x4.splat ${get('zero')})`)}
  ${set('last', add(get('scales'), times4(get('blocks'))))}
  ${loop(
    'scales',
    int(4),
    get('last'),
    `${set('scale', `(f64x2.splat (f64.promote_f32 (f32.load ${get('scales')})))`)}
    ${set('min', `(f64x2.splat (f64.promote_f32 (f32.load ${get('mins')})))`)}
    ${set('mins', add(get('mins'), int(4)))}
    ${set('end', add(get('codes'), get('block')))}
    ${loop(
      'codes',
      int(4),
      get('end'),
      `${set('code', codes)}
      ${store(get('out'), swizzle([0, 1, 4, 5], wide(get('code')), wide(swizzle([2, 3, 2, 3], get('code')))))}
      ${set('out', add(get('out'), int(16)))}`,
    )}`,
  )})`;

const multiplyEach = `(func (export "multiplyEach") ${params('values', 'factors', 'count')} ${locals('i32', 'end')}
  ${eachFour(
    'values',
    'count',
    `${store(get('values'), `(f32x4.mul ${load(get('values'))} ${load(get('factors'))})`)}
    ${set('factors', add(get('factors'), int(16)))}`,
  )})`;

const multiply = `(func (export "multiply") ${params('values', 'count')} (param $factor f32) ${locals('i32', 'end')} ${locals('v128', 'each')}
  ${set('end', add(get('values'), times4(get('count'))))}
  ${set('each', `(f32x4.splat ${get('factor')})`)}
  ${loop('values', int(16), get('end'), store(get('values'), `(f32x4.mul ${load(get('values'))} ${get('each')})`))})`;

/** The first two levels of a Hadamard transform inside a vector, then two levels a pass, and a single one where their number is odd. */
const hadamard = `(func (export "hadamard") ${params('values', 'count', 'power')}
  ${locals('i32', 'end', 'half', 'block', 'at', 'stop', 'pb', 'pc', 'pd')} ${locals('v128', 'a', 'b', 'c', 'd', 'e', 'f')}
  ${set('end', add(get('values'), times4(get('count'))))}
  ${set('at', get('values'))}
  ${loop(
    'at',
    int(16),
    get('end'),
    `${set('a', load(get('at')))}
    ${set('a', plus(swizzle([0, 0, 2, 2], get('a')), negate([false, true, false, true], swizzle([1, 1, 3, 3], get('a')))))}
    ${store(get('at'), plus(swizzle([0, 1, 0, 1], get('a')), negate([false, false, true, true], swizzle([2, 3, 2, 3], get('a')))))}`,
  )}
  ${set('half', int(16))}
  ${set('power', times4(get('power')))}
  (block $done (loop $levels
    (br_if $done (i32.ge_u ${get('half')} ${get('power')}))
    ${set('block', get('values'))}
    (if (i32.lt_u (i32.shl ${get('half')} ${int(1)}) ${get('power')})
      (then ${loop(
        'block',
        times4(get('half')),
        get('end'),
        `${set('at', get('block'))}
        ${set('stop', add(get('block'), get('half')))}
        ${loop(
          'at',
          int(16),
          get('stop'),
          `${set('pb', add(get('at'), get('half')))}
          ${set('pc', add(get('pb'), get('half')))}
          ${set('pd', add(get('pc'), get('half')))}
          ${set('a', load(get('at')))} ${set('b', load(get('pb')))} ${set('c', load(get('pc')))} ${set('d', load(get('pd')))}
          ${set('e', plus(get('a'), get('b')))} ${set('a', minus(get('a'), get('b')))}
          ${set('f', plus(get('c'), get('d')))} ${set('c', minus(get('c'), get('d')))}
          ${store(get('at'), plus(get('e'), get('f')))} ${store(get('pb'), plus(get('a'), get('c')))}
          ${store(get('pc'), minus(get('e'), get('f')))} ${store(get('pd'), minus(get('a'), get('c')))}`,
        )}`,
      )}
      ${set('half', times4(get('half')))})
      (else ${loop(
        'block',
        `(i32.shl ${get('half')} ${int(1)})`,
        get('end'),
        `${set('at', get('block'))}
        ${set('stop', add(get('block'), get('half')))}
        ${loop(
          'at',
          int(16),
          get('stop'),
          `${set('pb', add(get('at'), get('half')))}
          ${set('a', load(get('at')))} ${set('b', load(get('pb')))}
          ${store(get('at'), plus(get('a'), get('b')))} ${store(get('pb'), minus(get('a'), get('b')))}`,
        )}`,
      )}
      ${set('half', `(i32.shl ${get('half')} ${int(1)})`)}))
    (br $levels))))`;

/** `$part` walks the `$p` values that lie `$stride` bytes apart, from `$at` on. */
const parts = (body: string) =>
  `${set('part', get('at'))} ${loop('part', get('stride'), add(get('at'), get('width')), body)}`;

const reflect = `(func (export "reflect") ${params('values', 'count', 'p', 'stride')} (param $factor f32)
  ${locals('i32', 'end', 'width', 'at', 'stop', 'part')} ${locals('v128', 'sum', 'each')}
  ${set('end', add(get('values'), times4(get('count'))))}
  ${set('stride', times4(get('stride')))}
  ${set('width', `(i32.mul ${get('p')} ${get('stride')})`)}
  ${set('each', `(f32x4.splat ${get('factor')})`)}
  ${loop(
    'values',
    get('width'),
    get('end'),
    `${set('at', get('values'))}
    ${set('stop', add(get('values'), get('stride')))}
    ${loop(
      'at',
      int(16),
      get('stop'),
      `${set('sum', '(v128.const f32x4 0 0 0 0)')}
      ${parts(set('sum', plus(get('sum'), load(get('part')))))}
      ${set('sum', `(f32x4.mul ${get('sum')} ${get('each')})`)}
      ${parts(store(get('part'), minus(load(get('part')), get('sum'))))}`,
    )}`,
  )})`;

const largest = `(func (export "largest") ${params('values', 'count')} (result f32) ${locals('i32', 'end')} ${locals('v128', 'max')}
  ${eachFour('values', 'count', set('max', larger(get('max'), `(f32x4.abs ${load(get('values'))})`)))}
  ${set('max', larger(get('max'), swizzle([2, 3, 0, 1], get('max'))))}
  (f32x4.extract_lane 0 ${larger(get('max'), swizzle([1, 0, 3, 2], get('max')))}))`;

const largestEach = `(func (export "largestEach") ${params('values', 'most', 'count')} ${locals('i32', 'end')}
  ${eachFour(
    'values',
    'count',
    `${store(get('most'), larger(load(get('most')), `(f32x4.abs ${load(get('values'))})`))}
    ${set('most', add(get('most'), int(16)))}`,
  )})`;

/** Four codes as whole numbers: no branch, as in columns.ts. */
const nearest = (offset: number, factor: string) =>
  `(i32x4.sub (i32x4.trunc_sat_f32x4_s ${plus(`(f32x4.mul ${load(get('values'), offset)} ${factor})`, get('half'))}) ${get('middle')})`;

const narrow = (factor: (offset: number) => string) => {
  const pair = (offset: number) =>
    `(i16x8.narrow_i32x4_s ${nearest(offset, factor(offset))} ${nearest(offset + 16, factor(offset + 16))})`;
  return `(i8x16.narrow_i16x8_s ${pair(0)} ${pair(32)})`;
};
const roundStart = `${set('end', add(get('values'), times4(get('count'))))}
  ${set('half', '(f32x4.splat (f32.const 128.5))')}
  ${set('middle', `(i32x4.splat ${int(128)})`)}`;

const round = `(func (export "round") ${params('values', 'count')} (param $factor f32) ${params('out')}
  ${locals('i32', 'end')} ${locals('v128', 'half', 'middle', 'each')}
  ${roundStart}
  ${set('each', `(f32x4.splat ${get('factor')})`)}
  ${loop(
    'values',
    int(64),
    get('end'),
    `${store(
      get('out'),
      narrow(() => get('each')),
    )} ${set('out', add(get('out'), int(16)))}`,
  )})`;

const roundEach = `(func (export "roundEach") ${params('values', 'factors', 'count', 'out')}
  ${locals('i32', 'end')} ${locals('v128', 'half', 'middle')}
  ${roundStart}
  ${loop(
    'values',
    int(64),
    get('end'),
    `${store(
      get('out'),
      narrow((offset) => load(get('factors'), offset)),
    )}
    ${set('factors', add(get('factors'), int(64)))} ${set('out', add(get('out'), int(16)))}`,
  )})`;

/** 16 x 16 bytes: four times the first half of the rows is interleaved with the second. */
function transposeSquare(): string {
  const low = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? i / 2 : 16 + (i - 1) / 2));
  const high = low.map((lane) => lane + 8);
  const lines: string[] = [];
  let from = 'x';
  let to = 'y';
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 8; i++) {
      lines.push(set(`${to}${2 * i}`, shuffle(low, get(`${from}${i}`), get(`${from}${i + 8}`))));
      lines.push(set(`${to}${2 * i + 1}`, shuffle(high, get(`${from}${i}`), get(`${from}${i + 8}`))));
    }
    [from, to] = [to, from];
  }
  return lines.join('\n');
}

const sixteen = (make: (i: number) => string) => Array.from({ length: 16 }, (_, i) => make(i)).join('\n');

const transpose = `(func (export "transpose") ${params('tile', 'cols', 'out')}
  ${locals('i32', 'row', 'at', 'col', 'from', 'to')} ${locals('v128', ...Array.from({ length: 16 }, (_, i) => [`x${i}`, `y${i}`]).flat())}
  ${loop(
    'row',
    int(16),
    int(TILE),
    `${set('at', add(get('tile'), `(i32.mul ${get('row')} ${get('cols')})`))}
    ${set('col', int(0))}
    ${loop(
      'col',
      int(16),
      get('cols'),
      `${set('from', add(get('at'), get('col')))}
      ${sixteen((i) => `${set(`x${i}`, load(get('from')))} ${set('from', add(get('from'), get('cols')))}`)}
      ${transposeSquare()}
      ${set('to', add(add(get('out'), get('row')), `(i32.mul ${get('col')} ${int(TILE)})`))}
      ${sixteen((i) => store(get('to'), get(`x${i}`), i * TILE))}`,
    )}`,
  )})`;

const text = `(module (memory (export "memory") 1)
${[symmetric, withMins, multiplyEach, multiply, hadamard, reflect, largest, largestEach, round, roundEach, transpose].join('\n')})`;

await assemble({ text, target: 'workers/engine/weights/kernels.wasm.ts', script: 'weight-kernels', name: 'KERNELS' });
