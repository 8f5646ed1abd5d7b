/** One engine on one page: its tasks, each repeated when other programs disturbed it. */
import { cpuTimes, othersShare, untilQuiet } from './contention.ts';
import type { Options, Task } from './options.ts';
import type { OpenPeer, PeerHandle } from './peer-page.ts';
import type { PeerName, Prompt, Reply } from './peers/peer.ts';
import { REPLY_MARK, REWRITE_PROMPT, WARM_UP_PROMPT, type Prompts } from './prompts.ts';
import type { Metric, Sample } from './report.ts';

/** Above this share of the processor in other hands a figure is not worth keeping. */
const DISTURBED = 0.1;
/** KV slots of the widest task: 1,500 tokens, a reply, a second turn and its reply. A padded graph is as wide as its context, so it gets no more than its tasks need. */
const CONTEXTS = [512, 1024, 2048, 5120];
const WARM_UP_TOKENS = 24;

export interface Measured {
  samples: Sample[];
  /** Engine and settings in words. */
  description: string;
  /** Largest share of the processor that others had during a kept measurement; 0 where it cannot be known. */
  disturbance: number;
  /** Tasks that time did not suffice for. */
  leftOut: Task[];
}

function contextFor({ tasks, tokens, context }: Options): number {
  const longest = Math.max(
    ...tasks.map((task) =>
      task === 'second-turn'
        ? 1500 + 2 * tokens + 64
        : task === 'load'
          ? 0
          : (task === 'rewrite' ? REWRITE_PROMPT : Number(task)) + tokens,
    ),
  );
  const least = Math.max(longest, WARM_UP_PROMPT + WARM_UP_TOKENS);
  if (context !== undefined && context < least) throw new Error(`These tasks need a --context of at least ${least}.`);
  const fits = context ?? CONTEXTS.find((length) => length >= least);
  if (fits === undefined)
    throw new Error(
      `${longest} tokens exceed the bench's longest context of ${CONTEXTS.at(-1)}. Choose fewer --tokens.`,
    );
  return fits;
}

/** The engine opened on a fresh page, or in a fresh process. */
function openFresh(open: OpenPeer, peer: PeerName, options: Options): Promise<PeerHandle> {
  const { backend, threads, settings, temperature } = options;
  return open(peer, {
    backend,
    threads,
    contextLength: contextFor(options),
    temperature,
    settings: settings[peer] ?? {},
  });
}

/** Fills the engine's own store. */
export async function install(open: OpenPeer, peer: PeerName, options: Options): Promise<void> {
  const page = await openFresh(open, peer, options);
  await page.call('install');
  await page.close();
}

/** `until`, on the clock of `performance.now()`: no task begins later, and none is repeated. */
export async function measureRound(
  open: OpenPeer,
  peer: PeerName,
  options: Options,
  prompts: Prompts,
  until = Infinity,
): Promise<Measured> {
  const samples: Sample[] = [];
  const leftOut: Task[] = [];
  const late = () => performance.now() > until;
  let disturbance = 0;
  const keep = (task: Task, metric: Metric, value: number | null) => {
    if (value !== null) samples.push({ peer, task, metric, value });
  };
  /** Repeats `measure` while others disturb it, and keeps the least disturbed. */
  const steadily = async <T>(measure: () => Promise<T>): Promise<T> => {
    let best: { share: number; value: T } | null = null;
    for (let attempt = 0; attempt <= options.retries; attempt++) {
      await untilQuiet(options.waitSeconds, DISTURBED / 2);
      const before = cpuTimes();
      const value = await measure();
      const after = cpuTimes();
      const share = before && after ? othersShare(before, after) : 0;
      if (!best || share < best.share) best = { share, value };
      if (share <= DISTURBED || late()) break;
    }
    disturbance = Math.max(disturbance, best!.share);
    return best!.value;
  };

  let page: PeerHandle | null = null;
  try {
    const load = async () => {
      await page?.close();
      page = await openFresh(open, peer, options);
      return page.call('load');
    };
    if (options.tasks.includes('load')) keep('load', 'load ms', await steadily(load));
    else await load(); // not measured: no repeat because others disturbed it
    const opened = page as unknown as PeerHandle;
    const reply = (prompt: Prompt, tokens: number, reuse: boolean): Promise<Reply> =>
      opened.call('reply', prompt, tokens, reuse);
    const drafts = peer === 'ours' && options.tasks.includes('rewrite');
    const replies = options.tasks.filter((task) => task !== 'load' && (task !== 'rewrite' || drafts));
    if (replies.length > 0) await reply(prompts.warmUp, WARM_UP_TOKENS, false);

    let first: Reply | null = null;
    for (const task of replies) {
      if (late()) {
        leftOut.push(task);
        continue;
      }
      if (task === 'second-turn') {
        const longest = prompts.byLength.get(1500)!;
        const result = await steadily(async () => {
          const history = first ?? (await reply(longest, options.tokens, false));
          first = null; // a repeat needs a first turn again
          return reply(withReply(prompts.secondTurn(longest), history.text), options.tokens, true);
        });
        keepReply(task, result);
        continue;
      }
      const prompt = task === 'rewrite' ? prompts.rewrite : prompts.byLength.get(Number(task))!;
      const result = await steadily(() => reply(prompt, options.tokens, false));
      if (result.promptTokens !== prompt.ids.length)
        throw new Error(`${peer} counts ${result.promptTokens} tokens, but the prompt has ${prompt.ids.length}.`);
      keepReply(task, result);
      keep(task, 'prefill tok/s', (1000 * (result.prefilledTokens ?? result.promptTokens)) / result.ttftMs);
      first = task === '1500' && !drafts ? result : null;
      if (drafts)
        keep(
          task,
          'drafted tok/s',
          (await steadily(() => opened.call('reply', prompt, options.tokens, false, true))).decodeTokensPerSecond,
        );
    }
    const description = await opened.call('describe');
    return { samples, description, disturbance, leftOut };
  } finally {
    await (page as PeerHandle | null)?.close();
  }

  function keepReply(task: Task, result: Reply): void {
    keep(task, 'ttft ms', result.ttftMs);
    keep(task, 'decode tok/s', result.decodeTokensPerSecond);
  }
}

/** The second turn with what this engine really said in the first. */
function withReply(prompt: Prompt, reply: string): Prompt {
  return {
    text: prompt.text.replace(REPLY_MARK, () => reply),
    messages: prompt.messages.map((message) =>
      message.content === REPLY_MARK ? { ...message, content: reply } : message,
    ),
    ids: [],
  };
}
