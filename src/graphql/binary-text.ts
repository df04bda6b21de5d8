/**
 * The UTF-8 of a text as a binary string: one character a byte. Text that is put together from such pieces is encoded by
 * then, and goes out as it is.
 */
export function toBinary(text: string): string {
  return Buffer.byteLength(text) === text.length ? text : Buffer.from(text).toString('latin1');
}

/** The text whose `toBinary` this is. */
export function fromBinary(binary: string): string {
  return Buffer.from(binary, 'latin1').toString();
}

/** A binary string that is kept: one that was put together would keep all of its pieces. */
export function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
