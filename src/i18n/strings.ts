/** What catalogues of strings share. A catalogue's entries are texts, or functions that make one of figures and names. */
export type Translation<Strings> = {
  readonly [K in keyof Strings]: Strings[K] extends (...args: infer A) => string ? (...args: A) => string : string;
};

export const plural = (count: number, one: string, other: string) => (count === 1 ? one : other);
