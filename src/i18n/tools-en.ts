/** Strings of tools, in English. */
export const toolsEn = {
  tools: 'Tools',
  toolsHint:
    'The model may use these tools in this chat. They run on this device and send nothing anywhere. Small models often use them badly.',
  toolsNoServer: 'This chat uses a server. The server gets no tools and no tool results.',
  'tool:calculator': 'Calculator',
  'toolHint:calculator': 'Computes with 40 digits instead of guessing.',
  'tool:date_time': 'Date and time',
  'toolHint:date_time': 'Today, other time zones, days between dates.',
  'tool:convert_units': 'Convert units',
  'toolHint:convert_units': 'Lengths, weights, areas, volumes, temperatures, data and more.',
  'tool:search_documents': 'Search in my documents',
  'toolHint:search_documents': 'Finds passages in the documents on this device, with their pages.',
  toolCall: (name: string) => `Tool: ${name}`,
  toolArguments: 'Input',
  toolNoArguments: 'nothing',
  toolResult: 'Result',
  toolRuns: (name: string) => `${name} is running…`,
};
