import { RawSocket } from './raw-socket.ts';

const ME = '{ viewer { id } }';
const WATCH = 'subscription { viewer { id } }';

/** The user id of who is let in, or `CODE: sentence`; over WebSocket the code is that of the close. */
export type Door = (url: string, token: string) => Promise<string>;

/** Every way in, each with a token of its own. */
export const DOORS: Readonly<Record<'post' | 'get' | 'sse' | 'websocket', Door>> = {
  post: async (url, token) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: ME }) });
    return whoIn(await response.json());
  },
  get: async (url, token) => {
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const response = await fetch(`${url}/graphql?query=${encodeURIComponent(ME)}`, { headers });
    return whoIn(await response.json());
  },
  sse: async (url, token) => {
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query: WATCH }) });
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      const [, data] = /^data: (\{.*\})$/m.exec(text) ?? [];
      if (data !== undefined) return whoIn(JSON.parse(data));
    }
    throw new Error(`the stream ended with ${text}`);
  },
  websocket: async (url, token) => {
    const socket = await RawSocket.open(url);
    try {
      socket.say({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
      const closed = socket.closed();
      const answer = await Promise.race([socket.hear().catch(() => closed), closed]);
      if ('code' in answer) return `${answer.code}: ${answer.reason}`;
      socket.ask('1', ME);
      return whoIn((await socket.hear('1')).payload);
    } finally {
      socket.terminate();
    }
  },
};

function whoIn(answer: unknown): string {
  const { data, errors } = answer as {
    data?: { viewer: { id: string } };
    errors?: { message: string; extensions: { code: string } }[];
  };
  const [error] = errors ?? [];
  return error ? `${error.extensions.code}: ${error.message}` : `${data?.viewer.id}`;
}
