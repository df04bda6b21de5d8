import type { Plugin } from 'graphql-yoga';
import type { DocumentIdSource } from '../graphql/document-id.ts';
import { isObject, parseObject } from '../graphql/json.ts';

/**
 * Makes whole what the libraries take for incomplete, since it names its document instead of sending the text: what the
 * name stands for is found later, by `prepare`, over every transport.
 */
export function useDocumentIds(): Plugin {
  return {
    onParams({ params, request, setParams }) {
      // Yoga says itself what is wrong with a body that is no object.
      if (typeof params !== 'object' || params === null || Array.isArray(params)) return;
      // Of an address it reads nothing but what it knows itself.
      const inUrl = request.method === 'GET' ? new URL(request.url).searchParams.get('documentId') : null;
      const asked = inUrl === null ? params : { ...params, documentId: inUrl };
      if (namesDocument(asked)) setParams({ ...asked, query: asked.query ?? '' });
    },
  };
}

/** The text of a message to the server; a subscribe message, with a query in any case, which the protocol asks for. */
export function withQuery(message: string): string {
  // Nearly all messages are of the usual kind and need not be read twice.
  if (!message.includes('"documentId"') && !message.includes('"persistedQuery"')) return message;
  const parsed = parseObject(message);
  if (parsed?.['type'] !== 'subscribe') return message;
  const { payload } = parsed;
  if (!isObject(payload) || given(payload['query']) || !namesDocument(payload)) return message;
  return JSON.stringify({ ...parsed, payload: { ...payload, query: '' } });
}

function namesDocument({ documentId, extensions }: DocumentIdSource): boolean {
  return given(documentId) || (isObject(extensions) && given(extensions['persistedQuery']));
}

function given(value: unknown): boolean {
  return value !== undefined && value !== null;
}
