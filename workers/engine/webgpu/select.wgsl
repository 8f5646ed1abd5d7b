// Choosing a token of `vocab` logits in three dispatches: count keys by their upper bits, collect whatever may be among the k best,
// then rank those, draw one and put it where the next run reads its input.
// The order is that of wasm/select-graph.ts: repetition penalty, top-k, temperature, top-p and min-p on the candidates' probabilities.

struct Params {
  vocab: u32,
  offset: u32,  // of the row, in logits
  k: u32,       // candidates, at most MOST; 1 = greedy
  step: u32,    // where in `history` the id goes
  inverse_temperature: f32,
  top_p: f32,
  min_p: f32,
  penalty: f32, // 1 = off
  random: f32,  // [0, 1)
  masked: u32,  // 0: all may be chosen
  mask_at: u32, // first word of the row's mask
}

struct Work {
  count: atomic<u32>,
  bins: array<atomic<u32>, BINS>,
}

const BINS = 2048u;
const BIN_SHIFT = 21u;
const THREADS = 256u;
const MOST = 1024u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> seen: array<u32>;       // [vocab], 1 where the token occurred
@group(0) @binding(3) var<storage, read_write> work: Work;             // zero before and after
@group(0) @binding(4) var<storage, read_write> candidates: array<u32>; // [vocab]
@group(0) @binding(5) var<storage, read_write> next: array<i32>;       // [1..]
@group(0) @binding(6) var<storage, read_write> history: array<i32>;    // [steps], -1 where logits are NaN or infinite
@group(0) @binding(7) var<storage, read> allowed: array<u32>;          // [rows, vocab / 32], a bit for each token

var<workgroup> bins: array<atomic<u32>, BINS>;
var<workgroup> sums: array<u32, THREADS>;
var<workgroup> threshold: u32;

// Keys of +infinity and -infinity: what a device that overflows computes. NaN has the largest key. By bits, because a
// shader compiler may assume that there is neither.
const INFINITE = 0xff800000u;
const MINUS_INFINITE = 0x007fffffu;

// Order-preserving: a larger score has a larger key. 0 is no score's: the token may not be chosen.
fn key_of(i: u32) -> u32 {
  if (params.masked != 0u && ((allowed[params.mask_at + (i >> 5u)] >> (i & 31u)) & 1u) == 0u) { return 0u; }
  var score = logits[params.offset + i];
  if (params.penalty != 1.0 && seen[i] != 0u) {
    score = select(score * params.penalty, score / params.penalty, score > 0.0);
  }
  let bits = bitcast<u32>(score);
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return 0xffffffffu; } // NaN
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}

fn score_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, (key >> 31u) == 1u));
}

@compute @workgroup_size(256)
fn count(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = group.x * THREADS + t; i < params.vocab; i += groups.x * THREADS) {
    let key = key_of(i);
    if (key != 0u) { atomicAdd(&bins[key >> BIN_SHIFT], 1u); }
  }
  workgroupBarrier();
  for (var b = t; b < BINS; b += THREADS) {
    let n = atomicLoad(&bins[b]);
    if (n > 0u) { atomicAdd(&work.bins[b], n); }
  }
}

@compute @workgroup_size(256)
fn collect(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u) {
  const PER_THREAD = BINS / THREADS;
  var sum = 0u;
  for (var b = t * PER_THREAD; b < (t + 1u) * PER_THREAD; b++) { sum += atomicLoad(&work.bins[b]); }
  sums[t] = sum;
  workgroupBarrier();
  if (t == 0u) {
    // The bin that holds the k-th best.
    var left = params.k;
    var g = THREADS - 1u;
    while (g > 0u && sums[g] < left) { left -= sums[g]; g--; }
    var b = (g + 1u) * PER_THREAD - 1u;
    loop {
      let n = atomicLoad(&work.bins[b]);
      if (n >= left || b == g * PER_THREAD) { break; }
      left -= n;
      b--;
    }
    threshold = b;
  }
  workgroupBarrier();
  for (var i = group.x * THREADS + t; i < params.vocab; i += groups.x * THREADS) {
    let key = key_of(i);
    if (key != 0u && (key >> BIN_SHIFT) >= threshold) { candidates[atomicAdd(&work.count, 1u)] = i; }
  }
}

var<workgroup> ranked: u32;
var<workgroup> digits: array<atomic<u32>, 256>;
var<workgroup> prefix: u32;
var<workgroup> left: u32;       // of the candidates whose key is exactly `prefix`, as many belong to the k best
var<workgroup> equal: u32;      // how many there are
var<workgroup> taken: atomic<u32>;
var<workgroup> taken_equal: atomic<u32>;
var<workgroup> lowest: atomic<u32>;
var<workgroup> keys: array<u32, MOST>;
var<workgroup> ids: array<u32, MOST>;
var<workgroup> mass: array<f32, MOST>;

fn before(a: u32, b: u32) -> bool {
  return keys[a] > keys[b] || (keys[a] == keys[b] && ids[a] < ids[b]);
}

@compute @workgroup_size(256)
fn choose(@builtin(local_invocation_index) t: u32) {
  let n = atomicLoad(&work.count);
  if (t == 0u) {
    ranked = min(params.k, min(n, MOST));
    left = ranked;
    prefix = 0u;
  }
  let k = workgroupUniformLoad(&ranked); // uniform: barriers below are in a loop over it
  // The k-th largest key, digit by digit.
  var mask = 0u;
  for (var shift = 24i; shift >= 0i; shift -= 8i) {
    atomicStore(&digits[t], 0u);
    let known = workgroupUniformLoad(&prefix);
    for (var c = t; c < n; c += THREADS) {
      let key = key_of(candidates[c]);
      if ((key & mask) == known) { atomicAdd(&digits[(key >> u32(shift)) & 255u], 1u); }
    }
    workgroupBarrier();
    if (t == 0u) {
      var d = 255u;
      var rest = left;
      loop {
        let some = atomicLoad(&digits[d]);
        if (some >= rest || d == 0u) { equal = some; break; }
        rest -= some;
        d--;
      }
      left = rest;
      prefix = known | (d << u32(shift));
    }
    workgroupBarrier();
    mask |= 255u << u32(shift);
  }
  let last = workgroupUniformLoad(&prefix);
  let wanted = workgroupUniformLoad(&left);
  let ties = workgroupUniformLoad(&equal);
  for (var c = t; c < MOST; c += THREADS) { keys[c] = 0u; ids[c] = 0xffffffffu; }
  if (t == 0u) { atomicStore(&taken, 0u); atomicStore(&taken_equal, 0u); atomicStore(&lowest, 0xffffffffu); }
  workgroupBarrier();
  for (var c = t; c < n; c += THREADS) {
    let id = candidates[c];
    let key = key_of(id);
    if (key == last) { atomicMin(&lowest, id); }
    let take = key > last || (key == last && (ties == wanted || atomicAdd(&taken_equal, 1u) < wanted));
    if (take) {
      let at = atomicAdd(&taken, 1u);
      keys[at] = key;
      ids[at] = id;
    }
  }
  workgroupBarrier();
  if (t == 0u && k == 1u) { ids[0] = atomicLoad(&lowest); } // ties: the lowest id, whichever thread was first
  // Bitonic sort, best first.
  var size = 2u;
  while (size < k * 2u) {
    for (var stride = size / 2u; stride > 0u; stride /= 2u) {
      workgroupBarrier();
      for (var c = t; c < MOST / 2u; c += THREADS) {
        let a = (c / stride) * stride * 2u + c % stride;
        let b = a + stride;
        let descending = (a & size) == 0u;
        if (before(b, a) == descending) {
          let key = keys[a]; keys[a] = keys[b]; keys[b] = key;
          let id = ids[a]; ids[a] = ids[b]; ids[b] = id;
        }
      }
    }
    size *= 2u;
  }
  workgroupBarrier();
  let best = score_of(keys[0]);
  for (var c = t; c < k; c += THREADS) { mass[c] = exp((score_of(keys[c]) - best) * params.inverse_temperature); }
  workgroupBarrier();
  if (t == 0u) {
    var total = 0.0;
    for (var c = 0u; c < k; c++) { total += mass[c]; }
    // Both conditions end the list: what lies before grows, the masses fall. The first is always kept.
    var kept = 0.0;
    var end = 0u;
    while (end < k && (end == 0u || (mass[end] > 0.0 && kept < params.top_p * total && mass[end] >= mass[0] * params.min_p))) {
      kept += mass[end];
      end++;
    }
    let goal = kept * params.random;
    var chosen = 0u;
    var passed = mass[0];
    while (chosen + 1u < end && passed <= goal) {
      chosen++;
      passed += mass[chosen];
    }
    let finite = keys[0] < INFINITE && keys[0] > MINUS_INFINITE;
    let id = select(0u, ids[chosen], finite);
    seen[id] = 1u;
    next[0] = i32(id);
    history[params.step] = select(-1, i32(id), finite);
  }
  for (var b = t; b < BINS; b += THREADS) { atomicStore(&work.bins[b], 0u); }
  if (t == 0u) { atomicStore(&work.count, 0u); }
}
