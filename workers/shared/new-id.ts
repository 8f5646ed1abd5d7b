/** A random id: 24 hexadecimal digits. randomUUID needs a secure context; getRandomValues does not. */
export const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('');
