/** Long enough for the slowest browser to begin the download that holds the bytes from then on. */
const REVOKE_MS = 60_000;

/** Gives a file to the browser's downloads. */
export function saveFile(name: string, content: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}
