/**
 * Lets the worker receive its messages. A WASM session computes inside the call and resolves in a microtask, so a loop
 * of awaits never gives the event loop a turn: "stop" would be read after the last token. A message to oneself is
 * queued behind those that have arrived (setTimeout would add 4 ms).
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
