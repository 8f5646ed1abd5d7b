// For each row of logits: the best token (the lowest id of equals) and the natural log-probability of the row's target.

struct Params {
  vocab: u32,
}

struct Row {
  argmax: u32,
  logprob: f32,
}

const THREADS = 256u;

@group(0) @binding(0) var<storage, read> logits: array<f32>;  // [rows, vocab]
@group(0) @binding(1) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> targets: array<u32>; // [rows]
@group(0) @binding(3) var<storage, read_write> rows: array<Row>;

var<workgroup> best: array<f32, THREADS>;
var<workgroup> best_id: array<u32, THREADS>;
var<workgroup> sums: array<f32, THREADS>;

@compute @workgroup_size(256)
fn score(@builtin(local_invocation_index) t: u32, @builtin(workgroup_id) group: vec3u) {
  let start = group.x * params.vocab;
  var top = -3.4e38;
  var id = 0u;
  for (var i = t; i < params.vocab; i += THREADS) {
    let x = logits[start + i];
    if (x > top) { top = x; id = i; }
  }
  best[t] = top;
  best_id[t] = id;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (t < half) {
      let other = best[t + half];
      if (other > best[t] || (other == best[t] && best_id[t + half] < best_id[t])) {
        best[t] = other;
        best_id[t] = best_id[t + half];
      }
    }
  }
  workgroupBarrier();
  let high = best[0];
  var sum = 0.0;
  for (var i = t; i < params.vocab; i += THREADS) { sum += exp(logits[start + i] - high); }
  sums[t] = sum;
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (t < half) { sums[t] += sums[t + half]; }
  }
  workgroupBarrier();
  if (t == 0u) { rows[group.x] = Row(best_id[0], logits[start + targets[group.x]] - high - log(sums[0])); }
}
