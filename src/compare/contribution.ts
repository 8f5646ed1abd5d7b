/**
 * Where a person contributes a result: the repository that the build names (`VITE_RESULTS_REPOSITORY=https://github.com/owner/name npm run build`). On GitHub
 * it is the page that uploads files into `results/`, which makes a pull request; elsewhere the address itself. null: none is named, or it is not https.
 */
export function contributionPage(repository: string | undefined): string | null {
  if (!repository || !URL.canParse(repository)) return null;
  const { protocol, hostname, origin, pathname } = new URL(repository);
  if (protocol !== 'https:') return null;
  const path = pathname.replace(/\/+$/, '');
  return hostname === 'github.com' && /^\/[^/]+\/[^/]+$/.test(path)
    ? `${origin}${path}/upload/main/results`
    : `${origin}${path}`;
}
