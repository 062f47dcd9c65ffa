import pg from "pg";

pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export type Statement = { text: string; values: unknown[] };

/** A statement with its values apart: sql`select * from task where id = ${id}`. */
export function sql(strings: TemplateStringsArray, ...values: unknown[]): Statement {
  return { text: strings.reduce((text, part, i) => `${text}$${i}${part}`), values };
}

export interface Queries {
  query<Row extends object>(statement: Statement): Promise<Row[]>;
}

export interface Db extends Queries {
  /** Commits what `work` did, or nothing when it throws. */
  transaction<T>(work: (tx: Queries) => Promise<T>): Promise<T>;
  /**
   * Calls `wake` with each notification's payload, and with null after the connection was lost and is back: then anything may have been missed.
   * Resolves once it listens; goes on until the signal.
   */
  listen(channel: string, wake: (payload: string | null) => void, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const RECONNECT_MS = 500;

/** A connection that breaks is told to `onError` while nobody has it; whoever has it hears of it from the statement that runs, or the next. */
export function openPool(url: string, onError: (error: Error) => void, connections: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: connections, connectionTimeoutMillis: 10_000 });
  pool.on("error", (error: Error & { client?: unknown }) => {
    delete error.client; // a log would print all of it
    if (!pool.ending) onError(error); // a connection that is being closed has nothing to tell
  });
  pool.on("connect", (client) => client.on("error", () => {})); // an error event that nobody hears ends the process
  return pool;
}

export function openDb(url: string, onError: (error: Error) => void, connections = 10): Db {
  const pool = openPool(url, onError, connections);
  const query = async <Row extends object>(on: pg.Pool | pg.PoolClient, statement: Statement) => (await on.query<Row>(statement)).rows;
  const listeners = listenerOn(url, onError);
  return {
    query: (statement) => query(pool, statement),
    async transaction(work) {
      const client = await pool.connect();
      try {
        await client.query("begin");
        const result = await work({ query: (statement) => query(client, statement) });
        await client.query("commit");
        client.release();
        return result;
      } catch (error) {
        const broken = await client.query("rollback").then(
          () => undefined,
          (fault: Error) => fault,
        );
        client.release(broken);
        throw error;
      }
    },
    listen: listeners.listen,
    async close() {
      await listeners.close();
      await pool.end();
    },
  };
}

/** One connection for all channels of this process, made again whenever it breaks. */
function listenerOn(url: string, onError: (error: Error) => void) {
  const wakes = new Map<string, Set<(payload: string | null) => void>>();
  let connection: Promise<pg.Client> | null = null;
  let closed = false;

  async function connect(): Promise<pg.Client> {
    const alive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 }; // else Linux first looks after two hours whether the other side is there
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, ...alive });
    client.on("notification", ({ channel, payload }) => {
      for (const wake of wakes.get(channel) ?? []) wake(payload ?? "");
    });
    client.on("error", onError);
    client.on("end", () => {
      connection = null;
      if (!closed) void reconnect();
    });
    await client.connect();
    for (const channel of wakes.keys()) await client.query(`listen ${client.escapeIdentifier(channel)}`);
    return client;
  }

  async function reconnect(): Promise<void> {
    while (!closed && !connection) {
      await new Promise((done) => setTimeout(done, RECONNECT_MS));
      if (closed || connection) return;
      const trying = connect();
      connection = trying;
      try {
        await trying;
        for (const all of wakes.values()) for (const wake of all) wake(null);
      } catch (error) {
        connection = null;
        onError(error as Error);
      }
    }
  }

  return {
    async listen(channel: string, wake: (payload: string | null) => void, signal: AbortSignal): Promise<void> {
      const known = wakes.get(channel);
      const all = known ?? new Set();
      all.add(wake);
      wakes.set(channel, all);
      signal.addEventListener("abort", () => all.delete(wake), { once: true });
      connection ??= connect();
      const client = await connection;
      if (!known) await client.query(`listen ${client.escapeIdentifier(channel)}`);
    },
    async close() {
      closed = true;
      await (await connection?.catch(() => null))?.end();
    },
  };
}

/** The connection or the server failed, or lacks room, so nothing is known of the statement's effect: what may be repeated may be tried again. */
export function isConnectionFault(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  if (
    typeof code === "string" &&
    (/^(08|53|57P0|58030)/.test(code) || ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ENOENT", "ETIMEDOUT"].includes(code))
  )
    return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/.test(error.message)
  );
}

/** PostgreSQL's text and jsonb refuse NUL; half of a surrogate pair is no UTF-8. */
export function clean<T>(value: T): T {
  if (typeof value === "string") return value.replaceAll("\0", "\u2400").toWellFormed() as T;
  if (Array.isArray(value)) return value.map(clean) as T;
  if (value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [clean(key), clean(inner)])) as T;
  }
  return value;
}

export function isDiskFull(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "53100";
}
