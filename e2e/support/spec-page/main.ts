/** Entry of the page that runs the tests of `LanguageModel`: language-model-page.ts builds it. */
import '../../../src/library/language-model/language-model.test.ts';
import { runAll, type Outcome } from './vitest.ts';

(globalThis as { outcomes?: Outcome[] }).outcomes = await runAll();
