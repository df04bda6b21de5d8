import { type FriendPage, MAX_PAGE, type Page, type PageArguments, type Seen } from '../../service/api.ts';
import type { Builder } from '../builder.ts';
import type { UserRef } from './user.ts';

type Edge = Page<Seen>['items'][number];

const DEFAULT_PAGE = 50;

/** Pages of users, after the cursor connections that Relay, Apollo and urql know how to join. */
export function defineConnections(builder: Builder, user: UserRef) {
  const pageInfo = builder.objectRef<Page<unknown>>('PageInfo').implement({
    description: 'Where a page stands among the others.',
    fields: (t) => ({
      hasNextPage: t.exposeBoolean('hasNextPage', { description: 'More follow: pass `endCursor` as `after`.' }),
      hasPreviousPage: t.exposeBoolean('hasPreviousPage', { description: 'Some came before this page.' }),
      startCursor: t.string({
        nullable: true,
        description: 'The cursor of the first one on this page; null when it is empty.',
        resolve: (page) => page.items[0]?.cursor,
      }),
      endCursor: t.string({
        nullable: true,
        description: 'The cursor of the last one on this page; null when it is empty.',
        resolve: (page) => page.items.at(-1)?.cursor,
      }),
    }),
  });

  const defineEdge = (name: 'FriendEdge' | 'UserEdge') =>
    builder.objectRef<Edge>(name).implement({
      description: 'One user on a page, with their place in it.',
      fields: (t) => ({
        node: t.expose('node', { type: user, description: 'The user.' }),
        cursor: t.exposeString('cursor', { description: 'Pass it as `after` for what follows this one.' }),
      }),
    });
  const friendEdge = defineEdge('FriendEdge');
  const userEdge = defineEdge('UserEdge');

  const nodes = (page: Page<Seen>): Seen[] => page.items.map((item) => item.node);

  const friends = builder.objectRef<FriendPage>('FriendConnection').implement({
    description: "A page of the viewer's friends.",
    fields: (t) => ({
      edges: t.expose('items', { type: [friendEdge], description: 'The friends on this page with their cursors.' }),
      nodes: t.field({ type: [user], description: 'The friends on this page.', resolve: nodes }),
      pageInfo: t.field({ type: pageInfo, description: 'Where this page stands.', resolve: (page) => page }),
      totalCount: t.exposeInt('totalCount', { description: 'How many there are on all pages together.' }),
      onlineCount: t.exposeInt('onlineCount', {
        description: 'How many of all friends are shown as ONLINE, whatever `statuses` asks for.',
      }),
    }),
  });

  const users = builder.objectRef<Page<Seen>>('UserConnection').implement({
    description: 'A page of users.',
    fields: (t) => ({
      edges: t.expose('items', { type: [userEdge], description: 'The users on this page with their cursors.' }),
      nodes: t.field({ type: [user], description: 'The users on this page.', resolve: nodes }),
      pageInfo: t.field({ type: pageInfo, description: 'Where this page stands.', resolve: (page) => page }),
      totalCount: t.exposeInt('totalCount', { description: 'How many there are on all pages together.' }),
    }),
  });

  return { friends, users };
}

export type ConnectionRefs = ReturnType<typeof defineConnections>;

type FieldArguments = Parameters<Parameters<Builder['queryField']>[1]>[0]['arg'];

/** The arguments that every page takes. */
export function pageArguments(arg: FieldArguments) {
  return {
    first: arg.int({
      defaultValue: DEFAULT_PAGE,
      description: `How many at most: 0 (for the counts alone) to ${MAX_PAGE}.`,
    }),
    after: arg.string({
      description: 'The cursor of the last one that is held already. ',
    }),
  };
}

/** An explicit null asks for the default, as leaving it out does. */
export function toPageArguments(args: {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
}): PageArguments {
  return { first: args.first ?? DEFAULT_PAGE, after: args.after ?? null };
}
