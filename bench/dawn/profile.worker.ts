/** In the GPU process: the profile of bench/page. */
import './trace-to-console.ts';
import '../page/profile.worker.ts';
