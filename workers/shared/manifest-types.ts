/** The files of a model and its source. Types only. */

/** One range of a file as it is downloaded and stored. */
export interface Shard {
  url: string;
  /** First byte inside `url`; 0 with `wholeUrl` when the URL is just this shard. */
  offset: number;
  bytes: number;
  /** True when `url` holds exactly this shard, so that no Range header is needed. */
  wholeUrl: boolean;
  /** Lower-case hex; absent when nobody published it, then recorded at the first download. */
  sha256?: string;
}

export interface ModelFile {
  path: string;
  bytes: number;
  /** SHA-256 of the whole file, if published. */
  sha256?: string;
  shards: Shard[];
}

/** The files of a model and its source. The same type describes a model to fetch and one that is stored. */
export interface ModelManifest {
  format: 1;
  id: string;
  name: string;
  licence: { spdx: string; url: string };
  source: { name: string; url: string; revision?: string };
  bytes: number;
  files: ModelFile[];
  /** The kind of a model that a person brought: see `FoundModel`. */
  what?: string;
}

export interface StoredModel extends ModelManifest {
  storedAt: number;
  /** Bytes of forms made from it (int8, float32), kept in a database of their own. */
  formBytes: number;
}

export interface HubFile {
  /** Inside the repository. */
  path: string;
  /** Exact, or absent: rounded sizes from web pages do not count. */
  bytes?: number;
  /** Lower-case hex, of the whole file, where published. */
  sha256?: string;
  /** Left out where the repository does not have it. */
  optional?: boolean;
}

export interface HubModel {
  kind: 'hub';
  /** Id of the model in the store. */
  id: string;
  name: string;
  licence: { spdx: string; url: string };
  /** Without a slash at the end. */
  base: string;
  /** "microsoft/Phi-4-mini-instruct-onnx" */
  repo: string;
  /** Commit of 40 digits, or null: the one that `main` is at, recorded at the first download. */
  revision: string | null;
  /** Folder of the repository that becomes the model's top level: '' or ending in '/'. */
  folder: string;
  files: HubFile[];
}
