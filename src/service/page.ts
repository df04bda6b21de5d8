import { badInput } from '../errors.ts';
import type { UserId } from '../presence/record.ts';
import type { Page, PageArguments } from './api.ts';
import { checkPage } from './input.ts';

/**
 * One page of people, `sorted` in code unit order of their ids. A page cursor names the id it stands behind, so that
 * people who come and go between two pages neither repeat nor hide others.
 */
export function paginate<T extends { readonly id: UserId }>(sorted: readonly T[], page: PageArguments): Page<T> {
  checkPage(page);
  const start = page.after === null ? 0 : indexBehind(sorted, decodePageCursor(page.after));
  const nodes = sorted.slice(start, start + page.first);
  return {
    items: nodes.map((node) => ({ node, cursor: encodePageCursor(node.id) })),
    hasPreviousPage: start > 0,
    hasNextPage: start + nodes.length < sorted.length,
    totalCount: sorted.length,
  };
}

function indexBehind(sorted: readonly { readonly id: UserId }[], id: UserId): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle]?.id ?? '') > id) high = middle;
    else low = middle + 1;
  }
  return low;
}

function encodePageCursor(id: UserId): string {
  return Buffer.from(`id:${id}`).toString('base64url');
}

function decodePageCursor(cursor: string): UserId {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith('id:') || encodePageCursor(text.slice(3)) !== cursor) {
    throw badInput('after', 'after must be a cursor that an earlier page gave.');
  }
  return text.slice(3);
}
