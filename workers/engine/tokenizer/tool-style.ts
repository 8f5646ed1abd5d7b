/** How a model is told of tools, found by rendering: what its chat template does with them counts, and not the template's name. */
import type { ToolSpec } from '../../shared/tools.ts';
import { CALL_MARKS, FUNCTOOLS, PHI_TOKENS, TAGS, type CallSpelling } from './call-spellings.ts';
import type { Turn } from './turn.ts';

export interface ToolStyle {
  /**
   * Where the list of tools stands. `system-field`: as text in the field `tools` of the system message (Phi-4-mini); `variable`: in the template's
   * variable `tools`, as transformers gives it; `words`: the template knows no tools, so the system prompt describes them.
   */
  list: 'system-field' | 'variable' | 'words';
  /** The template writes calls itself, from the field `tool_calls`. */
  writesCalls: boolean;
  /** How calls are written and asked for. */
  spelling: CallSpelling;
  /** Role of a message with results. */
  results: 'tool' | 'tool_response' | 'user';
}

/** The text of a conversation, or null where the template refuses it. */
export type TryRender = (turns: readonly Turn[], tools?: readonly unknown[]) => string | null;

const NAME = 'probe_of_tools';
const RESULT = 'probe of a result';
const hello: Turn = { role: 'user', content: 'hello' };

export const functionOf = ({ name, description, parameters }: ToolSpec) => ({
  type: 'function',
  function: { name, description, parameters },
});

/** @param hasToken whether the vocabulary has a control token of that text */
export function findToolStyle(render: TryRender, hasToken: (text: string) => boolean): ToolStyle {
  const tokens = hasToken(PHI_TOKENS.token) && hasToken(PHI_TOKENS.endToken);
  const list = listOf(render);
  const called = render([hello, { role: 'assistant', content: '', tool_calls: [callOf(NAME, {})] }]);
  const writesCalls = list !== 'words' && (called?.includes(NAME) ?? false);
  return {
    list,
    writesCalls,
    spelling: spellingOf(writesCalls ? called! : '', tokens, list),
    results: resultsOf(render, list, hasToken),
  };
}

export const callOf = (name: string, args: unknown) => ({ type: 'function', function: { name, arguments: args } });

function listOf(render: TryRender): ToolStyle['list'] {
  if (render([{ role: 'system', content: '', tools: NAME }, hello])?.includes(NAME)) return 'system-field';
  const probe = functionOf({ name: NAME, description: '', parameters: { type: 'object', properties: {} } });
  return render([hello], [probe])?.includes(NAME) ? 'variable' : 'words';
}

function spellingOf(called: string, tokens: boolean, list: ToolStyle['list']): CallSpelling {
  if (called.includes(CALL_MARKS[1])) return TAGS;
  if (called.includes(CALL_MARKS[0]) || list === 'words') return FUNCTOOLS;
  return tokens ? PHI_TOKENS : FUNCTOOLS;
}

function resultsOf(
  render: TryRender,
  list: ToolStyle['list'],
  hasToken: (text: string) => boolean,
): ToolStyle['results'] {
  if (list === 'words') return 'user';
  const shows = (role: string, mark = '') => {
    const text = render([hello, { role: 'assistant', content: 'x' }, { role, content: RESULT }]);
    return text !== null && text.includes(RESULT) && text.includes(mark);
  };
  if (hasToken('<|tool_response|>') && shows('tool_response', '<|tool_response|>')) return 'tool_response';
  return list === 'variable' && shows('tool') ? 'tool' : 'user';
}
