import { unavailable } from '../../src/errors.ts';
import { MemoryFriendGraph } from '../../src/friends/memory.ts';
import { MemoryPresenceStore } from '../../src/store/memory.ts';
import { rosterContract } from './roster-contract.ts';
import { sessionContract } from './session-contract.ts';
import type { EngineSource } from './world.ts';

/** Nodes that share one embedded engine. A node that is closed or killed loses its way to it; the others do not. */
async function source(): Promise<EngineSource> {
  const store = new MemoryPresenceStore();
  const friends = new MemoryFriendGraph(store.clock);
  return {
    open: async () => {
      const link = { cut: false };
      const close = async (): Promise<void> => {
        link.cut = true;
      };
      return {
        store: over(link, store, { leases: over(link, store.leases), close }),
        friends: over(link, friends, { close }),
      };
    },
    close: async () => {
      await friends.close();
      await store.close();
    },
  };
}

/** `target` as it is seen over a link that can be cut, with some members replaced. */
function over<T extends object>(link: { readonly cut: boolean }, target: T, replaced: Partial<T> = {}): T {
  return new Proxy(target, {
    get: (_, key) => {
      if (key in replaced) return Reflect.get(replaced, key);
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (link.cut) throw unavailable('The store cannot be reached.');
        return member.apply(target, args);
      };
    },
  });
}

rosterContract('the embedded engine', source);
sessionContract('the embedded engine', source);
