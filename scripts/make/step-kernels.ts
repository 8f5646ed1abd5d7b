/**
 * Writes workers/engine/wasm/step/kernels.wasm.ts: a few tokens through the decoder, in WebAssembly with relaxed SIMD, threads and two memories.
 *
 *     npx tsx scripts/make/step-kernels.ts
 *
 * workers/engine/wasm/step/kernels.ts says what each function does, and kernels.test.ts there compares each with plain TypeScript.
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
  params,
  plus,
  set,
  shuffle,
  store,
  swizzle,
  times4,
} from './wat.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, make: (i: number) => string) => range(count).map(make).join('\n');
const times = (a: string, b: string) => `(f32x4.mul ${a} ${b})`;
const splat = (value: number) => `(f32x4.splat (f32.const ${value}))`;
const floats = (...names: string[]) => names.map((name) => `(param $${name} f32)`).join(' ');
const advance = (name: string, bytes: number) => set(name, add(get(name), int(bytes)));

// --- Products

/** Rows of a weight that one sweep over its columns takes; the sums are loaded and stored once for all of them. */
const SWEPT = 8;
const COLUMNS = 16;
/** Factors of a code's digits, from the largest on: 2, 7 and 7 bits. */
const DIGIT_VALUES = [2 ** 14, 2 ** 7, 1];
const digits = DIGIT_VALUES.length;
const BYTES = range(COLUMNS).map((i) => (i % 2 === 0 ? i / 2 : COLUMNS + (i - 1) / 2));
const PAIRS = range(8).flatMap((i) => [0, 1].map((byte) => (i % 2 === 0 ? i + byte : COLUMNS + i - 1 + byte)));
const shifted = (lanes: readonly number[]) => lanes.map((lane) => lane + 8);
const dot = (weights: string, codes: string, sum: string) =>
  `(i32x4.relaxed_dot_i8x16_i7x16_add_s ${weights} ${codes} ${sum})`;

/** 4 rows of 16 weights -> 4 vectors, each the 4 weights of 4 columns. */
const interleave = (four: number): string => `
  ${lines(4, (i) => set(`r${i}`, `(v128.load $weights ${get(`p${4 * four + i}`)})`))}
  ${set('u', shuffle(BYTES, get('r0'), get('r1')))} ${set('v', shuffle(BYTES, get('r2'), get('r3')))}
  ${set('r0', shuffle(shifted(BYTES), get('r0'), get('r1')))} ${set('r2', shuffle(shifted(BYTES), get('r2'), get('r3')))}
  ${set(`w${4 * four}`, shuffle(PAIRS, get('u'), get('v')))} ${set(`w${4 * four + 1}`, shuffle(shifted(PAIRS), get('u'), get('v')))}
  ${set(`w${4 * four + 2}`, shuffle(PAIRS, get('r0'), get('r2')))} ${set(`w${4 * four + 3}`, shuffle(shifted(PAIRS), get('r0'), get('r2')))}`;

/** sums[column][digit] += weights[k][column] * digit of codes[k], over all k: every 8 rows are swept once from left to right. */
const sweep = `(func $sweep (export "sweep") ${params('w', 'k', 'n', 'x', 'sums', 'cols')}
  ${locals('i32', 'last', 'end', 's', ...range(SWEPT).map((i) => `p${i}`))}
  ${locals('v128', 'r0', 'r1', 'r2', 'r3', 'u', 'v', 'a', ...range(SWEPT).map((i) => `w${i}`))}
  ${locals('v128', ...range(digits).flatMap((d) => [`x0${d}`, `x1${d}`]))}
  ${set('last', add(get('x'), `(i32.mul ${get('k')} ${int(digits)})`))}
  ${loop(
    'x',
    int(SWEPT * digits),
    get('last'),
    `${lines(digits, (d) =>
      range(2)
        .map((four) => set(`x${four}${d}`, `(v128.load32_splat offset=${4 * (four * digits + d)} ${get('x')})`))
        .join(' '),
    )}
    ${set('p0', get('w'))} ${lines(SWEPT - 1, (i) => set(`p${i + 1}`, add(get(`p${i}`), get('n'))))}
    ${set('w', add(get(`p${SWEPT - 1}`), get('n')))}
    ${set('end', add(get('p0'), get('cols')))}
    ${set('s', get('sums'))}
    ${loop(
      'p0',
      int(COLUMNS),
      get('end'),
      `${interleave(0)} ${interleave(1)}
      ${lines(4, (i) =>
        range(digits)
          .map((d) => {
            const offset = 16 * (i * digits + d);
            const both = dot(get(`w${4 + i}`), get(`x1${d}`), dot(get(`w${i}`), get(`x0${d}`), load(get('s'), offset)));
            return store(get('s'), both, offset);
          })
          .join(' '),
      )}
      ${advance('s', 64 * digits)}
      ${lines(SWEPT - 1, (i) => advance(`p${i + 1}`, COLUMNS))}`,
    )}`,
  )})`;

/** What is taken from the sums, in column sums: the codes' zero point, 2 * 2^14 + 2^7. */
const ZERO_DIGITS = [2, 1, 0];

const begin = `(func (export "begin") ${params('columnSums', 'sums', 'cols')} ${locals('i32', 'end')} ${locals('v128', 'zero')}
  ${eachFour(
    'columnSums',
    'cols',
    `${set('zero', `(i32x4.neg ${load(get('columnSums'))})`)}
    ${lines(digits, (d) => {
      const times = ZERO_DIGITS[d]!;
      const value =
        times === 0 ? '(v128.const i32x4 0 0 0 0)' : `(i32x4.mul ${get('zero')} (i32x4.splat ${int(times)}))`;
      return store(get('sums'), value, 16 * d);
    })}
    ${advance('sums', 16 * digits)}`,
  )})`;

const finish = `(func (export "finish") ${params('scales', 'sums', 'out', 'cols')} ${floats('unit')} ${locals('i32', 'end')}
  ${eachFour(
    'out',
    'cols',
    `${store(
      get('out'),
      times(
        times(
          range(digits)
            .map((d) => {
              const sum = `(f32x4.convert_i32x4_s ${load(get('sums'), 16 * d)})`;
              return times(sum, splat(DIGIT_VALUES[d]!));
            })
            .reduce(plus),
          `(v128.load $weights ${get('scales')})`,
        ),
        `(f32x4.splat ${get('unit')})`,
      ),
    )}
    ${advance('sums', 16 * digits)} ${advance('scales', 16)}`,
  )})`;

const columnSums = `(func (export "columnSums") ${params('w', 'k', 'n', 'x', 'sums', 'out', 'cols')} ${locals('i32', 's', 'end')}
  (memory.fill ${get('sums')} ${int(0)} (i32.mul ${get('cols')} ${int(4 * digits)}))
  (call $sweep ${['w', 'k', 'n', 'x', 'sums', 'cols'].map(get).join(' ')})
  ${eachFour('out', 'cols', `${store(get('out'), load(get('sums'), 16 * (digits - 1)))} ${advance('sums', 16 * digits)}`)})`;

// --- Activations

const narrow = (value: string) =>
  `(i32x4.extract_lane 0 (i8x16.narrow_i16x8_u (i16x8.narrow_i32x4_u ${value} ${value}) (i16x8.narrow_i32x4_u ${value} ${value})))`;
const lowDigit = (value: string) => `(v128.and ${value} (i32x4.splat ${int(127)}))`;
const shiftRight = (value: string, bits: number) => `(i32x4.shr_u ${value} ${int(bits)})`;

const encode = `(func (export "encode") ${params('x', 'n', 'out')} ${floats('inverse', 'factor', 'offset')}
  ${locals('i32', 'end')} ${locals('v128', 'v')}
  ${eachFour(
    'x',
    'n',
    `${set('v', times(load(get('x')), `(f32x4.splat ${get('inverse')})`))}
    ${set('v', plus(times(get('v'), `(f32x4.splat ${get('factor')})`), `(f32x4.splat ${get('offset')})`))}
    ${set('v', `(i32x4.trunc_sat_f32x4_u ${get('v')})`)}
    ${[shiftRight(get('v'), 14), lowDigit(shiftRight(get('v'), 7)), lowDigit(get('v'))]
      .map((digit, d) => `(i32.store offset=${4 * d} ${get('out')} ${narrow(digit)})`)
      .join('\n')}
    ${advance('out', 4 * digits)}`,
  )})`;

const acrossLanes = (name: string, combine: (a: string, b: string) => string) => `
  ${set(name, combine(get(name), swizzle([2, 3, 0, 1], get(name))))}
  ${set(name, combine(get(name), swizzle([1, 0, 3, 2], get(name))))}`;

const sumSquares = `(func (export "sumSquares") ${params('x', 'n')} (result f32) ${locals('i32', 'end')} ${locals('v128', 'all', 'v')}
  ${eachFour('x', 'n', `${set('v', load(get('x')))} ${set('all', plus(get('all'), times(get('v'), get('v'))))}`)}
  ${acrossLanes('all', plus)}
  (f32x4.extract_lane 0 ${get('all')}))`;

const addTo = `(func (export "addTo") ${params('x', 'y', 'n')} ${locals('i32', 'end')}
  ${eachFour('x', 'n', `${store(get('x'), plus(load(get('x')), load(get('y'))))} ${advance('y', 16)}`)})`;

const embed = `(func (export "embed") ${params('codes', 'scale', 'out', 'n')} ${locals('i32', 'end')} ${locals('v128', 'each')}
  ${set('end', add(get('out'), times4(get('n'))))}
  ${set('each', `(v128.load32_splat $weights ${get('scale')})`)}
  ${loop(
    'out',
    int(16),
    get('end'),
    `${store(
      get('out'),
      times(
        `(f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (i16x8.extend_low_i8x16_s (v128.load32_zero $weights ${get('codes')}))))`,
        get('each'),
      ),
    )} ${advance('codes', 4)}`,
  )})`;

/** e^$y in place; `$e` is needed too. Cephes' polynomial for float32. */
const exponential = [
  set('y', `(f32x4.pmin ${larger(get('y'), splat(-87.3))} ${splat(88)})`),
  set('e', `(f32x4.nearest ${times(get('y'), splat(Math.LOG2E))})`),
  set('y', minus(minus(get('y'), times(get('e'), splat(0.693359375))), times(get('e'), splat(-2.1219444e-4)))),
  set(
    'y',
    times(
      plus(
        plus(
          times(
            times(
              [1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1].reduce(
                (sum, next) => plus(times(sum, get('y')), splat(next)),
                splat(1.98756915e-4),
              ),
              get('y'),
            ),
            get('y'),
          ),
          get('y'),
        ),
        splat(1),
      ),
      `(i32x4.shl (i32x4.add (i32x4.trunc_sat_f32x4_s ${get('e')}) (i32x4.splat ${int(127)})) ${int(23)})`,
    ),
  ),
].join('\n');

const silu = `(func (export "silu") ${params('gate', 'up', 'out', 'n')} ${locals('i32', 'end')} ${locals('v128', 'y', 'e')}
  ${eachFour(
    'out',
    'n',
    `${set('y', `(f32x4.neg ${load(get('gate'))})`)} ${exponential}
    ${store(get('out'), times(`(f32x4.div ${load(get('gate'))} ${plus(get('y'), splat(1))})`, load(get('up'))))}
    ${advance('gate', 16)} ${advance('up', 16)}`,
  )})`;

const rope = `(func (export "rope") ${params('x', 'out', 'heads', 'dim', 'half', 'cos', 'sin')}
  ${locals('i32', 'head', 'i', 'low', 'high')} ${locals('f32', 'a', 'b', 'c', 's')}
  (memory.copy ${get('out')} ${get('x')} ${times4(`(i32.mul ${get('heads')} ${get('dim')})`)})
  ${loop(
    'head',
    int(1),
    get('heads'),
    `${set('i', int(0))}
    ${loop(
      'i',
      int(1),
      get('half'),
      `${set('low', add(get('out'), times4(get('i'))))}
      ${set('high', add(get('low'), times4(get('half'))))}
      ${set('a', `(f32.load ${get('low')})`)} ${set('b', `(f32.load ${get('high')})`)}
      ${set('c', `(f32.load ${add(get('cos'), times4(get('i')))})`)} ${set('s', `(f32.load ${add(get('sin'), times4(get('i')))})`)}
      (f32.store ${get('low')} (f32.sub (f32.mul ${get('a')} ${get('c')}) (f32.mul ${get('b')} ${get('s')})))
      (f32.store ${get('high')} (f32.add (f32.mul ${get('b')} ${get('c')}) (f32.mul ${get('a')} ${get('s')})))`,
    )}
    ${set('out', add(get('out'), times4(get('dim'))))}`,
  )})`;

// --- Attention

const keep = `(func (export "keep") ${params('key', 'value', 'keys', 'values', 'slot', 'slots', 'dim')} ${locals('i32', 'i')}
  ${set('keys', add(get('keys'), times4(get('slot'))))}
  ${set('values', add(get('values'), times4(`(i32.mul ${get('slot')} ${get('dim')})`)))}
  ${loop(
    'i',
    int(1),
    get('dim'),
    `(f32.store ${get('keys')} (f32.load ${add(get('key'), times4(get('i')))}))
    (f32.store ${add(get('values'), times4(get('i')))} (f32.load ${add(get('value'), times4(get('i')))}))
    ${set('keys', add(get('keys'), times4(get('slots'))))}`,
  )})`;

/** Sixteen slots, or sixteen numbers of a value, at a time. */
const WIDE = 16;
const fours = range(WIDE / 4);
const clear = fours.map((i) => set(`a${i}`, '(v128.const i32x4 0 0 0 0)')).join(' ');
const accumulate = (factor: string, from: string) =>
  fours.map((i) => set(`a${i}`, plus(get(`a${i}`), times(factor, load(from, 16 * i))))).join('\n');
const storeWide = (at: string) => fours.map((i) => store(at, get(`a${i}`), 16 * i)).join(' ');
const score = (slot: string) => add(get('scores'), times4(get(slot)));
/** A score that no exponential brings back, for slots of the first and last sixteen that lie outside of the window. */
const hide = (name: string, end: string) => `(block $hidden_${name} (loop $hide_${name}
    (br_if $hidden_${name} (i32.ge_u ${get(name)} ${end}))
    (f32.store ${score(name)} (f32.const -1e30))
    ${set(name, add(get(name), int(1)))}
    (br $hide_${name})))`;

const attend = `(func (export "attend") ${params('q', 'keys', 'values', 'out', 'scores', 'from', 'to', 'slots', 'dim')}
  ${locals('i32', 'first', 'last', 's', 'j', 'at')} ${locals('v128', 'a0', 'a1', 'a2', 'a3', 'most', 'total', 'y', 'e', 'x')}
  ${set('first', `(i32.and ${get('from')} ${int(-WIDE)})`)}
  ${set('last', `(i32.and ${add(get('to'), int(WIDE - 1))} ${int(-WIDE)})`)}
  ${set('s', get('first'))}
  ${loop(
    's',
    int(WIDE),
    get('last'),
    `${clear}
    ${set('at', add(get('keys'), times4(get('s'))))}
    ${set('j', int(0))}
    ${loop(
      'j',
      int(4),
      times4(get('dim')),
      `${set('x', `(v128.load32_splat ${add(get('q'), get('j'))})`)}
      ${accumulate(get('x'), get('at'))}
      ${set('at', add(get('at'), times4(get('slots'))))}`,
    )}
    ${set('at', score('s'))} ${storeWide(get('at'))}`,
  )}
  ${set('s', get('first'))} ${hide('s', get('from'))}
  ${set('j', get('to'))} ${hide('j', get('last'))}
  ${set('most', splat(-1e30))}
  ${set('s', get('first'))}
  ${loop('s', int(4), get('last'), set('most', larger(get('most'), load(score('s')))))}
  ${acrossLanes('most', larger)}
  ${set('s', get('first'))}
  ${loop(
    's',
    int(4),
    get('last'),
    `${set('y', minus(load(score('s')), get('most')))} ${exponential}
    ${store(score('s'), get('y'))} ${set('total', plus(get('total'), get('y')))}`,
  )}
  ${acrossLanes('total', plus)}
  ${set('j', int(0))}
  ${loop(
    'j',
    int(WIDE),
    get('dim'),
    `${clear}
    ${set('at', add(get('values'), times4(add(get('j'), `(i32.mul ${get('from')} ${get('dim')})`))))}
    ${set('s', get('from'))}
    ${loop(
      's',
      int(1),
      get('to'),
      `${set('x', `(v128.load32_splat ${score('s')})`)}
      ${accumulate(get('x'), get('at'))}
      ${set('at', add(get('at'), times4(get('dim'))))}`,
    )}
    ${fours.map((i) => set(`a${i}`, `(f32x4.div ${get(`a${i}`)} ${get('total')})`)).join(' ')}
    ${set('at', add(get('out'), times4(get('j'))))} ${storeWide(get('at'))}`,
  )})`;

// --- Threads

/** Looks for a while, then sleeps. Leaves the value that is there in `$now`. */
const awaitChange = (at: string, seen: string, patience: string, onTimeout: string) => `
  ${set('i', int(0))}
  (block $changed (loop $look
    ${set('now', `(i32.atomic.load ${at})`)}
    (br_if $changed (i32.ne ${get('now')} ${seen}))
    (br_if $look (i32.lt_u (local.tee $i (i32.add ${get('i')} ${int(1)})) ${get('looks')}))
    (if (i32.eq (memory.atomic.wait32 ${at} ${seen} ${patience}) ${int(2)}) (then ${onTimeout}))
    (br $look)))`;

const meet = `(func (export "meet") ${params('at', 'threads', 'looks', 'patience')} (result i32) ${locals('i32', 'seen', 'now', 'i')}
  ${set('seen', `(i32.atomic.load offset=4 ${get('at')})`)}
  (if (result i32) (i32.eq ${add(`(i32.atomic.rmw.add ${get('at')} ${int(1)})`, int(1))} ${get('threads')})
    (then
      (i32.atomic.store ${get('at')} ${int(0)})
      (drop (i32.atomic.rmw.add offset=4 ${get('at')} ${int(1)}))
      (drop (memory.atomic.notify offset=4 ${get('at')} ${int(-1)}))
      ${int(1)})
    (else
      ${set('at', add(get('at'), int(4)))}
      ${awaitChange(get('at'), get('seen'), `(i64.mul (i64.extend_i32_u ${get('patience')}) (i64.const 1000000))`, `(return ${int(0)})`)}
      ${int(1)})))`;

const awaitWork = `(func (export "awaitWork") ${params('at', 'seen', 'looks')} (result i32) ${locals('i32', 'now', 'i')}
  ${awaitChange(get('at'), get('seen'), '(i64.const -1)', '(nop)')}
  ${get('now')})`;

const text = `(module
(import "step" "arena" (memory $arena 1 65536 shared))
(import "step" "weights" (memory $weights 1 65536 shared))
${[sweep, begin, finish, columnSums, encode, sumSquares, addTo, embed, silu, rope, keep, attend, meet, awaitWork].join(
  '\n',
)})`;

await assemble({
  text,
  target: 'workers/engine/wasm/step/kernels.wasm.ts',
  script: 'step-kernels',
  name: 'STEP_KERNELS',
});
