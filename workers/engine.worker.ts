/** Entry of the engine worker. */
import { expose } from 'comlink';
import { installErrorTransfer } from './comlink-errors.ts';
import { Engine } from './engine.ts';

// Held as long as this worker lives: the page, which waits for it, sees its end even where no event tells (see src/engine-thread.ts).
void (navigator as Partial<WorkerNavigator>).locks?.request(self.name, () => new Promise(() => undefined));
installErrorTransfer();
expose(new Engine());
