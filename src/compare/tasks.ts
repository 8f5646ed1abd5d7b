/**
 * Kinds of task, with the lengths of prompt and reply that are usual for them: those of MLPerf Client's categories, roughly. The texts are ours, so a
 * figure is not a result of MLPerf Client.
 */
import type { TaskFigure } from './result.ts';

interface Task {
  kind: TaskFigure['kind'];
  /** Tokens. */
  prompt: number;
  reply: number;
}

export const TASKS: readonly Task[] = [
  { kind: 'content', prompt: 128, reply: 256 },
  { kind: 'creative', prompt: 512, reply: 512 },
  { kind: 'summary-light', prompt: 1024, reply: 128 },
  { kind: 'summary-moderate', prompt: 1566, reply: 256 },
  { kind: 'code', prompt: 2059, reply: 128 },
];

/** Those that fit into the context. */
export const fitTasks = (context: number): Task[] => TASKS.filter(({ prompt, reply }) => prompt + reply <= context);
