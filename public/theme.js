// Before the first paint: the theme that the person chose against the system's, or the page would flash. See src/app/app.svelte.ts.
try {
  const { theme } = JSON.parse(localStorage.getItem('phi-settings') || '{}');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // No storage or damaged settings: the system's theme.
}
