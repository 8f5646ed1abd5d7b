import type { Matrix } from './matrix.ts';
import type { Rotation } from './rotate.ts';
import { dequantise, type Rows } from './rows.ts';

/** Bytes of rows that are kept. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** A table with at most this many weights stays in memory in the file's format. Reading a row from the disk would cost milliseconds for each token. */
const HELD_WEIGHTS = 32 * 1024 * 1024;

/**
 * Rows of the embedding, read from the checkpoint when needed: a table of 200,000 tokens would take too much memory on
 * a device.
 */
export class EmbeddingRows {
  readonly #table: Matrix;
  readonly #rotation: Rotation | null;
  readonly #most: number;
  readonly #kept = new Map<number, Promise<Float32Array>>();
  #held: Rows | null = null;

  /** `rotation`: of the residual stream, where the network computes with a rotated one. */
  constructor(table: Matrix, rotation: Rotation | null = null) {
    this.#table = table;
    this.#rotation = rotation;
    this.#most = Math.max(256, Math.floor(KEPT_BYTES / (table.cols * Float32Array.BYTES_PER_ELEMENT)));
  }

  /** Takes a small table into memory. Call it after the load has freed its temporary memory. */
  async hold(): Promise<void> {
    const { rows, cols, form } = this.#table;
    if (form.kind === 'blocks' && rows * cols <= HELD_WEIGHTS) this.#held = await this.#table.read(0, rows);
  }

  /** Embedded tokens one after another, zeros behind: `[width, hidden]` */
  async read(ids: readonly number[], width: number): Promise<Float32Array<ArrayBuffer>> {
    const out = new Float32Array(width * this.#table.cols);
    const rows = await Promise.all(ids.map((id) => this.#row(id)));
    rows.forEach((row, i) => out.set(row, i * this.#table.cols));
    return out;
  }

  #row(id: number): Promise<Float32Array> {
    const known = this.#kept.get(id);
    if (known) return known;
    const read = this.#held ? Promise.resolve(oneRow(this.#held, id)) : this.#table.read(id, 1);
    const row = read.then((rows) => {
      const values = dequantise(rows);
      this.#rotation?.apply(values, 0);
      return values;
    });
    this.#kept.set(id, row);
    row.catch(() => this.#kept.delete(id)); // a failed read is tried again next time
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#most) break;
      this.#kept.delete(oldest);
    }
    return row;
  }
}

/** A row of many, on the same memory. */
function oneRow(all: Rows, row: number): Rows {
  const { cols } = all;
  const part = <T extends Float32Array | Uint8Array>(values: T, width: number) =>
    values.subarray(row * width, (row + 1) * width) as T;
  if (all.kind === 'float') return { ...all, rows: 1, values: part(all.values, cols) };
  const blocks = cols / all.block;
  return {
    ...all,
    rows: 1,
    codes: part(all.codes, cols),
    scales: part(all.scales, blocks),
    mins: all.mins && part(all.mins, blocks),
  };
}
