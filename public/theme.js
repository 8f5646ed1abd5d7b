// Before the first paint: the theme that the person chose against the system's, or the page would flash. See src/app/app.svelte.ts.
// Before any other script: the person's origin-trial token, which switches WebNN on for the scripts and workers behind it.
try {
  const { theme, originTrial } = JSON.parse(localStorage.getItem('phi-settings') || '{}');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (typeof originTrial === 'string' && originTrial) {
    const meta = document.createElement('meta');
    meta.httpEquiv = 'origin-trial';
    meta.content = originTrial;
    document.head.prepend(meta);
  }
} catch {
  // No storage or damaged settings: the system's theme.
}
