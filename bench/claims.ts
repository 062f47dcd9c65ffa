import { claim, settle } from "../packages/server/src/store/leases.ts";
import { benchDatabase, fillQueue, LEASE_MS, LIMITS, QUEUED, RUNNING } from "./database.ts";
import { type Benchmark, p50p99, timed } from "./figure.ts";

const CLAIMS = 500;
const WORKERS = 4;

export const claims: Benchmark = {
  name: "claims",
  async run(say, signal) {
    await using database = await benchDatabase(say, signal);
    const { db } = database;

    await fillQueue(db, say, signal);
    const settled = async (worker: string) => {
      const lease = await claim(db, worker, LEASE_MS, LIMITS);
      if (!lease) throw new Error("the queue is empty too early");
      return () => settle(db, lease, { kind: "cancelled" });
    };

    const ends: (() => Promise<void>)[] = [];
    say(`${CLAIMS} claims by one worker, then by ${WORKERS} at once`);
    const alone: number[] = [];
    for (let count = 0; count < CLAIMS; count += 1) {
      const [claimed] = await timed(1, signal, async () => ends.push(await settled("worker")));
      await Promise.all(ends.splice(0).map((end) => end()));
      alone.push(claimed ?? Number.NaN);
    }
    const startedAt = performance.now();
    const each = CLAIMS / WORKERS;
    await Promise.all(
      Array.from({ length: WORKERS }, (_, number) => timed(each, signal, async () => (await settled(`worker ${number}`))())),
    );
    const rate = CLAIMS / ((performance.now() - startedAt) / 1000);
    const beside = `${QUEUED.toLocaleString("en")} queued, ${RUNNING} running, PostgreSQL with fsync`;
    return [
      { what: `one claim (${beside})`, farhand: p50p99(alone), podman: null, bare: null },
      {
        what: `claims per second, each settled at once, ${WORKERS} at a time (${beside})`,
        farhand: `${Math.round(rate)}/s`,
        podman: null,
        bare: null,
      },
    ];
  },
};
