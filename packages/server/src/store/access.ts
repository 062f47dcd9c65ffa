import { type Db, sql } from "./db.ts";

/** What let somebody in; a stream that it opened may outlive it. */
export type Access = { kind: "token" | "session"; id: string };

export interface AccessWatch {
  /** Aborts soon after the token was revoked or the session has ended, in whichever process; watched until `over`. */
  untilEnd(access: Access, over: AbortSignal): AbortSignal;
}

const RETRY_MS = 1_000;
/** Timers take no longer ones. */
const LONGEST_MS = 2_147_483_647;

/** Listens from now until the signal. */
export async function watchAccess(db: Db, signal: AbortSignal, onError: (error: Error) => void): Promise<AccessWatch> {
  const held = new Set<{ access: Access; ended: AbortController; timer?: NodeJS.Timeout }>();
  type Held = typeof held extends Set<infer One> ? One : never;

  /** Asks again when it would expire, since use prolongs a session. */
  async function check(one: Held): Promise<void> {
    if (!held.has(one)) return;
    let againMs = RETRY_MS;
    try {
      const leftMs = await timeLeft(db, one.access);
      if (leftMs <= 0) return one.ended.abort();
      againMs = Math.min(leftMs, LONGEST_MS);
    } catch (error) {
      onError(error as Error);
    }
    clearTimeout(one.timer);
    if (held.has(one)) one.timer = setTimeout(() => void check(one), againMs).unref();
  }

  await db.listen(
    "farhand_access",
    (id) => {
      for (const one of held) {
        if (id === null) void check(one);
        else if (one.access.id === id) one.ended.abort();
      }
    },
    signal,
  );
  return {
    untilEnd(access, over) {
      const one: Held = { access, ended: new AbortController() };
      if (over.aborted) return over;
      held.add(one);
      over.addEventListener(
        "abort",
        () => {
          held.delete(one);
          clearTimeout(one.timer);
        },
        { once: true },
      );
      void check(one); // it may have ended between the request and now
      return one.ended.signal;
    },
  };
}

/** In milliseconds; none for what is gone. */
async function timeLeft(db: Db, { kind, id }: Access): Promise<number> {
  if (kind === "token")
    return (await db.query(sql`select 1 as there from api_token where id = ${id}`)).length > 0 ? Number.POSITIVE_INFINITY : 0;
  const [row] = await db.query<{ left: number }>(
    sql`select extract(epoch from expires_at - now())::float8 * 1000 as left from session where id = ${id}`,
  );
  return row?.left ?? 0;
}
