/** Under which name made weights are kept. Apart from what makes them, so that a load can look for them without that code. */
import type { WeightFormat } from '../../shared/protocol.ts';
import type { WebnnDialect } from './cache-layout.ts';

/** Version of the layout of `webnnPlan`. Part of the key under which made weights are kept. */
export const WEBNN_FORM_VERSION = 5;

/** Name under which made weights are kept. `compensated`: their rounding made up for itself. */
export const webnnCacheName = (dialect: WebnnDialect, form: WeightFormat, compensated: boolean): string =>
  `webnn-${dialect === 'npu' ? 'npu-' : ''}${form}${compensated ? '-compensated' : ''}`;
