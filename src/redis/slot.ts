export const SLOTS = 16_384;

/** The slot of Redis Cluster that a key or a sharded channel belongs to: of its hash tag, if it has one. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let sum = 0;
  for (const byte of Buffer.from(hashed)) sum = ((sum << 8) ^ crcOf((sum >> 8) ^ byte)) & 0xffff;
  return sum % SLOTS;
}

/** One step of CRC-16/XMODEM. */
function crcOf(byte: number): number {
  let sum = byte << 8;
  for (let bit = 0; bit < 8; bit++) sum = sum & 0x8000 ? (sum << 1) ^ 0x1021 : sum << 1;
  return sum & 0xffff;
}
