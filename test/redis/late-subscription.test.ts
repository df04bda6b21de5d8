import { expect, test } from 'vitest';
import { PartitionChannels } from '../../src/redis/channels.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { DEFAULT_PARTITIONS, Partitions } from '../../src/redis/partitions.ts';
import { parsePublished } from '../../src/store/redis/published-change.ts';
import { commit, Heard, neighbours } from '../contract/presence-store-setting.ts';
import { quiet } from '../support/quiet.ts';
import { freshSetting } from './setting.ts';

const setting = freshSetting();
const partitions = new Partitions(DEFAULT_PARTITIONS);
const KEYS = [partitions.key(0, 'head'), partitions.key(0, 'log')];

test('rule 5.5: what a store may have lost is read again also where the channel is subscribed later than that is known', async () => {
  const server = await setting().server();
  const { store } = await setting().node(server.url);
  const operator = setting().operator(server.url);
  const [user = '', lost = '', next = ''] = neighbours(store, 3);
  const connection = openRedis(server.url, { logger: quiet });
  await connection.whenReady();
  const channels = new PartitionChannels(connection, partitions, parsePublished, () => {});
  try {
    await commit(store, user);
    const dumps = await Promise.all(KEYS.map((key) => operator.dumpBuffer(key)));
    const heard = new Heard();
    await channels.listen(0, {
      changed: ({ id, record }) => heard.changed(id, record),
      missed: (userIds) => heard.missed(userIds),
      lost: () => heard.lost(),
      restored: () => heard.restored(),
    });
    await commit(store, lost);
    await heard.until('the change', ({ users }) => users.length === 1);
    connection.subscriber.lost(partitions.channel(0));
    // Another server, which has not been told of it, and counts on from less.
    await Promise.all(KEYS.map((key, index) => operator.restore(key, 0, dumps[index] ?? '', 'REPLACE')));
    await commit(store, next);
    channels.recover(() => true);
    connection.subscriber.back(partitions.channel(0));
    channels.recover(() => false);
    await heard.until('the channel to be whole', ({ types }) => types.includes('restored'));
    expect(heard.events).toContainEqual({ type: 'missed', userIds: null });
  } finally {
    await channels.close();
    await connection.close();
  }
});
