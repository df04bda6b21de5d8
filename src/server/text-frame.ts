const FINAL_TEXT = '\x81';
const LENGTH_IN_2 = '\x7e';
const LENGTH_IN_8 = '\x7f';

/** Of the texts that are shorter than this, by their length: most are. */
const HEADERS: readonly string[] = Array.from({ length: 4_096 }, (_, length) => headerFor(length));

/**
 * A whole WebSocket frame of a server (RFC 6455, 5.2: final, not masked) around `text`, both as binary strings: one
 * character a byte.
 */
export function textFrame(text: string): string {
  return (HEADERS[text.length] ?? headerFor(text.length)) + text;
}

function headerFor(length: number): string {
  if (length < 126) return FINAL_TEXT + String.fromCharCode(length);
  if (length < 65_536) return FINAL_TEXT + LENGTH_IN_2 + String.fromCharCode(length >>> 8, length & 255);
  const bytes = [0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
  return FINAL_TEXT + LENGTH_IN_8 + String.fromCharCode(...bytes);
}
