/** How the result of a query or mutation can be given. */
export const RESULT_TYPES = [
  'application/json',
  'application/graphql-response+json',
  'text/event-stream',
  'multipart/mixed',
] as const;

/** How the results of a subscription can be given. */
export const STREAM_TYPES = ['text/event-stream'] as const;

/**
 * Whether one of `types` will do for who sent this Accept header; everything does for who sent none. Weights do not
 * count, and there is no other character set than UTF-8, just as Yoga has it, which picks the type.
 */
export function accepts(header: string | null, types: readonly string[]): boolean {
  return (header || '*/*')
    .replace(/\s/g, '')
    .toLowerCase()
    .split(',')
    .some((range) => {
      const [type = '', ...parameters] = range.split(';');
      const charset = parameters.find((parameter) => parameter.includes('charset=')) ?? 'charset=utf-8';
      return charset === 'charset=utf-8' && types.some((offered) => matches(type, offered));
    });
}

function matches(range: string, type: string): boolean {
  const [main, sub] = range.split('/');
  const [offeredMain, offeredSub] = type.split('/');
  return (main === '*' || main === offeredMain) && (sub === '*' || sub === offeredSub);
}

/**
 * The type that Yoga gives the result of a query or mutation for this Accept header: the first range that names one of
 * the two of JSON decides. Null where the result is given in another way.
 */
export function resultTypeFor(header: string | null): 'application/json' | 'application/graphql-response+json' | null {
  for (const range of (header || '*/*').split(',')) {
    if (accepts(range, ['application/json'])) return 'application/json';
    if (accepts(range, ['application/graphql-response+json'])) return 'application/graphql-response+json';
  }
  return null;
}

/** Whether a body is JSON, by its Content-Type. By the type itself: parameters can be made to hold anything. */
export function isJson(contentType: string | undefined): boolean {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' || type === 'application/graphql+json';
}
