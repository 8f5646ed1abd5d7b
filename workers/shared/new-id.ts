import { hexOf } from './hex.ts';

/** A random id: 24 hexadecimal digits. randomUUID needs a secure context; getRandomValues does not. */
export const newId = (): string => hexOf(crypto.getRandomValues(new Uint8Array(12)));
