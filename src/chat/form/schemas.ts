/** Schemas to begin with, as text for the box. */
const show = (schema: unknown): string => JSON.stringify(schema, null, 2);

export const EXAMPLES = [
  {
    name: 'examplePerson',
    schema: show({
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 60 },
        age: { type: 'integer', minimum: 0, maximum: 120 },
        email: { type: 'string', format: 'email' },
      },
      required: ['name', 'age'],
    }),
  },
  {
    name: 'exampleList',
    schema: show({
      type: 'array',
      items: {
        type: 'object',
        properties: {
          title: { type: 'string', maxLength: 80 },
          year: { type: 'integer', minimum: 1000, maximum: 2100 },
        },
        required: ['title', 'year'],
      },
      minItems: 1,
      maxItems: 5,
    }),
  },
  {
    name: 'exampleRating',
    schema: show({
      type: 'object',
      properties: {
        mood: { enum: ['positive', 'neutral', 'negative'] },
        score: { type: 'number', minimum: 0, maximum: 1 },
        reason: { type: 'string', maxLength: 200 },
      },
      required: ['mood', 'score', 'reason'],
    }),
  },
  { name: 'exampleAny', schema: show({ type: 'object' }) },
] as const;
