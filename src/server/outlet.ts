/** What must not outlive its connection. */
export interface Held {
  end(): void;
}

/** Where messages go out, one line for all streams of a connection. */
export interface Outlet {
  /** What was written before is out. */
  readonly free: boolean;
  /** Called once, when the line has become free. Asking again with the same listener changes nothing. */
  onFree(listener: () => void): void;
  /** One message, as a binary string. */
  write(text: string): void;
  /** The stream is ended with the connection, unless it is let go of before. */
  hold(stream: Held): void;
  letGo(stream: Held): void;
}

/** What the library of the protocol keeps account of for one connection. */
export interface LibraryContext {
  readonly extra: Outlet;
  /** The client has been let in. */
  readonly acknowledged: boolean;
  /** By id, all operations under way. Another object once the connection has closed. */
  readonly subscriptions: Record<string, unknown>;
}
