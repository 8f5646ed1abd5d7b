/** Shared by the catalogues of strings. An entry is a text, or a function that makes a text from figures and names. */
export type Translation<Strings> = {
  readonly [K in keyof Strings]: Strings[K] extends (...args: infer A) => string ? (...args: A) => string : string;
};

export const plural = (count: number, one: string, other: string) => (count === 1 ? one : other);
