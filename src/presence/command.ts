import type { Activity, Binding, ClientKind, NodeId, PresenceStatus, Session, UserId } from './record.ts';
import type { Millis } from './time.ts';

/** Everything that can happen to one user's presence. */
export type Command =
  /**
   * A client says that a session lives. A binding makes its connection keep it; null never takes a binding away, and a
   * connection that had been open for `connectedMs` takes none from one that was opened later.
   */
  | {
      readonly type: 'heartbeat';
      readonly sessionId: string;
      readonly client: ClientKind;
      readonly activity: Activity;
      readonly binding: Binding | null;
      readonly connectedMs?: Millis;
    }
  /** A node that holds the connection of `session` says so again, after it or the store was away. No sign of activity. */
  | {
      readonly type: 'reassert';
      readonly session: Session;
      readonly binding: Binding;
      readonly connectedMs?: Millis;
    }
  /** A connection closed: what it kept alive lives on for the grace. */
  | { readonly type: 'disconnect'; readonly binding: Binding }
  /** A node died: what it kept alive lives on for a lease from the node's last renewal. */
  | { readonly type: 'nodeLost'; readonly node: NodeId; readonly renewedAt: Millis }
  | { readonly type: 'endSession'; readonly sessionId: string }
  | {
      readonly type: 'setOverride';
      readonly source: string;
      readonly status: PresenceStatus;
      readonly priority: number;
      readonly expiresAt: Millis | null;
    }
  | { readonly type: 'clearOverride'; readonly source: string }
  /** Neither text nor emoji: the custom status is cleared. */
  | {
      readonly type: 'setCustomStatus';
      readonly text: string | null;
      readonly emoji: string | null;
      readonly expiresAt: Millis | null;
    }
  | {
      readonly type: 'setVisibility';
      readonly invisible: boolean | null;
      readonly hideFrom: readonly UserId[];
      readonly showTo: readonly UserId[];
    }
  /** Time has passed: a deadline of the record may be due. */
  | { readonly type: 'tick' };
