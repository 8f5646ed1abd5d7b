/** Tools of the Prompt API as those of the app's own replies. */
import { TOOL_NAME } from '../../../workers/shared/tools.ts';
import type { Tool } from '../../tools/tool.ts';
import type { LanguageModelTool } from './types.ts';

/**
 * @throws TypeError for a tool without a usable name, description, schema or function, and for a name that two have. A schema that cannot be enforced
 * is refused by the first prompt.
 */
export function toolsOf(given: readonly LanguageModelTool[] = []): Tool[] {
  const names = new Set<string>();
  return given.map(({ name, description, inputSchema, execute }) => {
    if (typeof name !== 'string' || !TOOL_NAME.test(name))
      throw new TypeError(`"${String(name)}" is not the name of a tool: 1 to 64 letters, digits, "_" and "-".`);
    if (names.has(name)) throw new TypeError(`Two tools have the name "${name}".`);
    names.add(name);
    if (typeof description !== 'string') throw new TypeError(`The tool "${name}" has no description.`);
    if (typeof inputSchema !== 'object' || inputSchema === null || Array.isArray(inputSchema))
      throw new TypeError(`The inputSchema of the tool "${name}" must be a JSON Schema object.`);
    if (typeof execute !== 'function') throw new TypeError(`The tool "${name}" has no function "execute".`);
    const parameters = JSON.parse(JSON.stringify(inputSchema)) as unknown;
    return { name, description, parameters, run: (args) => execute(args) };
  });
}
