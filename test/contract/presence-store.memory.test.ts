import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { quiet } from '../support/quiet.ts';
import { presenceStoreContract } from './presence-store.ts';

presenceStoreContract('memory', async () => {
  const store = new MemoryPresenceStore({ logger: quiet });
  return { here: store, there: store, close: () => store.close() };
});
