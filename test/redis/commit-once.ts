// A process of its own: commits one change and ends. Arguments: the address of Redis, the user.
import { EMPTY_RECORD } from '../../src/presence/record.ts';
import { UNCOMMITTED } from '../../src/presence/time.ts';
import { openRedis } from '../../src/redis/connection.ts';
import { RedisPresenceStore } from '../../src/store/redis/redis-presence-store.ts';
import { quiet } from '../support/quiet.ts';

const [, , url = '', userId = ''] = process.argv;
const connection = openRedis(url, { logger: quiet });
const store = new RedisPresenceStore(connection, { logger: quiet });
await store.start();
const { everyone } = EMPTY_RECORD;
const record = { ...EMPTY_RECORD, everyone: { ...everyone, view: { ...everyone.view, rev: UNCOMMITTED } } };
await store.commit({ userId, previous: EMPTY_RECORD, record, wakeAt: null, visible: true });
await store.close();
await connection.close();
