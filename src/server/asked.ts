/** A message that asks for an operation. */
export interface Asked {
  readonly id: string;
  readonly query: string;
  readonly operationName: string | null | undefined;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/** As clients write it; what follows is the id. */
const HEAD = '{"id":"';

/**
 * Reads the messages of one socket that ask for operations. Clients that send heartbeats say the same over and over but for
 * the id: what has come twice is kept, and the third time it is not parsed again.
 */
export class AskedReader {
  /** How long the last message was, without head and id. */
  #length = 0;
  /** All that follows the id in what has come twice. */
  #rest: string | null = null;
  #asked: Asked | null = null;

  /** Null for whatever does not ask for an operation in the form that the protocol has. */
  read(text: string): Asked | null {
    const end = endOfId(text);
    if (end < 0) return parse(text);
    const rest = this.#rest;
    if (this.#asked && rest !== null && text.length === end + rest.length && text.endsWith(rest)) {
      return { ...this.#asked, id: text.slice(HEAD.length, end) };
    }
    const asked = parse(text);
    if (asked === null) return null;
    const length = text.length - end;
    if (length === this.#length) this.#keep(text.slice(end), asked);
    this.#length = length;
    return asked;
  }

  #keep(rest: string, asked: Asked): void {
    const { id } = JSON.parse(HEAD + rest) as { id: unknown };
    // Else there is another id behind, which is the one that counts.
    const kept = id === '';
    this.#rest = kept ? rest : null;
    this.#asked = kept ? asked : null;
  }
}

/** Where the quote stands that ends the id; -1 for a message that does not begin with one, or with none as plain as most. */
function endOfId(text: string): number {
  if (!text.startsWith(HEAD)) return -1;
  for (let index = HEAD.length; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === 0x22) return index > HEAD.length ? index : -1;
    if (code < 0x20 || code === 0x5c) return -1;
  }
  return -1;
}

function parse(text: string): Asked | null {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(message) || message['type'] !== 'subscribe') return null;
  const { id, payload } = message;
  if (typeof id !== 'string' || id === '' || !isObject(payload)) return null;
  const { query, operationName, variables, extensions } = payload;
  if (typeof query !== 'string') return null;
  if (operationName !== undefined && operationName !== null && typeof operationName !== 'string') return null;
  if (variables !== undefined && variables !== null && !isObject(variables)) return null;
  if (extensions !== undefined && extensions !== null && !isObject(extensions)) return null;
  return { id, query, operationName, variables };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
