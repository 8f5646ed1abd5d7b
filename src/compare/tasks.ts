/**
 * Kinds of task with the lengths of MLPerf Client 1.6.1 (https://github.com/mlcommons/mlperf_client, `data/phi3.5/prompts`). `reply` is the limit that its
 * files set. `prompt` is the mean of the category's two prompts in Phi-3.5's tokenizer and template, counted by us. The texts here are our own, so a figure
 * is not a result of MLPerf Client.
 */
import type { TaskFigure } from './result.ts';

interface Task {
  kind: TaskFigure['kind'];
  /** Tokens. */
  prompt: number;
  reply: number;
}

export const TASKS: readonly Task[] = [
  { kind: 'content', prompt: 116, reply: 256 },
  { kind: 'creative', prompt: 510, reply: 512 },
  { kind: 'summary-light', prompt: 982, reply: 128 },
  { kind: 'summary-moderate', prompt: 1563, reply: 256 },
  { kind: 'code', prompt: 2185, reply: 128 },
];

/** Those that fit into the context. */
export const fitTasks = (context: number): Task[] => TASKS.filter(({ prompt, reply }) => prompt + reply <= context);
