import { evaluate } from './expression.ts';
import { textOf, type Tool } from './tool.ts';

export const calculator: Tool = {
  name: 'calculator',
  description:
    'Computes an arithmetic expression exactly. Knows + - * / ^ % ! brackets, pi, e, sqrt, ln, log, sin, cos, tan, abs, round, floor, ceil, min, max. Angles are in radians.',
  parameters: {
    type: 'object',
    properties: {
      expression: { type: 'string', minLength: 1, maxLength: 300, description: 'For example "(12.5 + 7) * 3^2"' },
    },
    required: ['expression'],
    additionalProperties: false,
  },
  run: (args) => ({ result: evaluate(textOf(args, 'expression')) }),
};
