/** `npm start`: builds the app when needed, serves it on this machine and prints the address. */
import { parseArgs } from 'node:util';
import { DIST, ensureBuilt } from '../build/app.ts';
import { serve } from '../build/server.ts';

const DEFAULT_PORT = 4173;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: String(DEFAULT_PORT) },
    host: { type: 'string', default: '127.0.0.1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const port = Number(values.port);
if (values.help || !Number.isInteger(port) || port < 0 || port > 65535) {
  console.log(
    'npm start -- [--port N] [--host ADDRESS]\nServes the app on this machine. If port N is in use, it takes another one.',
  );
  process.exit(values.help ? 0 : 2);
}

await ensureBuilt();
const server = await serve({ root: DIST, port, host: values.host });
if (port !== 0 && server.port !== port) console.log(`Port ${port} is in use.`);
console.log(`Open ${server.url} in a browser. Ctrl+C stops the server.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void server.close().then(() => process.exit(0)));
