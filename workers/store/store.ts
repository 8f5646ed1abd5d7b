import { PhiError } from '../errors.ts';
import type { ModelManifest, Progress, StorageReport, StoredModel } from '../protocol.ts';
import type { ModelFiles } from './bytes.ts';
import { createContext, type JobOptions, type StoreContext } from './context.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { openFiles } from './files.ts';
import { listForms, mayKeepForm, openForm, removeForms, saveForm, type FormKey } from './forms.ts';
