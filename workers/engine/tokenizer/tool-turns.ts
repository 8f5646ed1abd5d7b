/** Messages with tools as turns of a chat template. */
import type { ChatMessage } from '../../shared/protocol.ts';
import type { ToolRound, ToolSpec } from '../../shared/tools.ts';
import { withoutThought } from '../../shared/thoughts.ts';
import { callJson } from './call-spellings.ts';
import { callOf, functionOf, type ToolStyle } from './tool-style.ts';
import type { Prompt, Turn, TurnPiece } from './turn.ts';

/** As on Phi-4-mini's model card. */
const SYSTEM = 'You are a helpful assistant with some tools.';

/** True if the messages cannot be rendered without knowing how the model is told of tools. */
export const needsTools = (messages: readonly ChatMessage[], tools: readonly ToolSpec[]): boolean =>
  tools.length > 0 || messages.some(({ rounds }) => rounds !== undefined && rounds.length > 0);

/** An empty reply at the end is left out, so that the prompt ends behind its results. */
export function promptWithTools(
  messages: readonly ChatMessage[],
  tools: readonly ToolSpec[],
  style: ToolStyle,
): Prompt {
  const turns = messages.flatMap(({ role, content, rounds = [] }, i): Turn[] => {
    const last = i === messages.length - 1;
    const called = rounds.flatMap((round) => roundTurns(round, style));
    return called.length > 0 && content === '' && last ? called : [...called, { role, content }];
  });
  if (tools.length === 0) return { turns };
  switch (style.list) {
    case 'variable':
      return { turns, tools: tools.map(functionOf) };
    case 'system-field':
      return { turns: withSystem(turns, (content) => ({ content: content || SYSTEM, tools: listText(tools) })) };
    case 'words':
      return {
        turns: withSystem(turns, (content) => ({ content: [content, inWords(tools)].filter(Boolean).join('\n\n') })),
      };
  }
}

function withSystem(turns: readonly Turn[], change: (content: string) => Pick<Turn, 'content' | 'tools'>): Turn[] {
  const [first, ...rest] = turns;
  return first?.role === 'system'
    ? [{ ...first, ...change(first.content) }, ...rest]
    : [{ role: 'system', ...change('') }, ...turns];
}

const listText = (tools: readonly ToolSpec[]): string =>
  JSON.stringify(tools.map(({ name, description, parameters }) => ({ name, description, parameters })));

/** For models whose template knows no tools. */
const inWords = (tools: readonly ToolSpec[]): string =>
  `You can call these functions:
${listText(tools)}
To call one, answer only with its name and its arguments in this form:
functools[{"name": "NAME", "arguments": {"ARGUMENT": "VALUE"}}]
You then get the result, and answer the question with it. If no function helps, answer as usual.`;

/** A call and its results. A thought in front of the call is not told again. */
function roundTurns({ text, calls }: ToolRound, style: ToolStyle): Turn[] {
  const said = withoutThought(text).trimEnd();
  const call: Turn = style.writesCalls
    ? { role: 'assistant', content: said, tool_calls: calls.map((one) => callOf(one.name, one.arguments)) }
    : written(said, calls, style);
  const results =
    style.results === 'user'
      ? [resultsInWords(calls)]
      : calls.map(({ name, result }): Turn => ({ role: style.results, content: result, name }));
  return [call, ...results];
}

function written(said: string, calls: ToolRound['calls'], { spelling }: ToolStyle): Turn {
  const { token = '', open, between, close, endToken = '' } = spelling;
  const pieces: TurnPiece[] = [
    { text: said === '' ? '' : `${said}\n`, own: false },
    { text: token + open, own: true },
    ...calls.flatMap(({ name, arguments: args }, i): TurnPiece[] => [
      { text: i > 0 ? between : '', own: true },
      { text: callJson(name, args), own: false },
    ]),
    { text: close + endToken, own: true },
  ];
  return { role: 'assistant', content: pieces.map(({ text }) => text).join(''), pieces };
}

const resultsInWords = (calls: ToolRound['calls']): Turn => ({
  role: 'user',
  content: calls.map(({ name, result }) => `Result of ${name}: ${result}`).join('\n'),
});
