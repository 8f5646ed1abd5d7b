/** English strings of saved prompts. */
export const promptsEn = {
  savedPrompts: 'Saved prompts',
  savedPromptsHint:
    'Prompts that you use often. Insert them from the message box. An export of all chats as JSON includes them.',
  noPrompts: 'No prompt is saved yet.',
  promptNew: 'New prompt',
  promptName: 'Name',
  promptText: 'Text',
  promptHint: 'Write {{topic}} where something different goes each time. The app asks for it when you use the prompt.',
  promptInsert: 'Insert',
  promptBack: 'All prompts',
  promptEdit: (name: string) => `Edit ${name}`,
  promptDelete: (name: string) => `Delete ${name}`,
  promptsImported: 'Saved prompts were imported too.',
  promptDeleted: 'The prompt was deleted.',
};
