import { type Config, StartupError } from "../config.ts";
import { loopEngine } from "../engine/loop.ts";
import { openLog } from "../log.ts";
import { openMetrics } from "../metrics.ts";
import { bubblewrapDriver } from "../sandbox/bubblewrap/driver.ts";
import { openDb } from "../store/db.ts";
import { openKeyring } from "../store/secrets.ts";
import { openCounters } from "./counters.ts";
import { openModels } from "./models.ts";
import { upkeep } from "./upkeep.ts";
import { work } from "./worker.ts";

/** The role `worker`: holds the keys and drives the runs. */
export async function startWorker(config: Config): Promise<{ stop(): Promise<void> }> {
  if (config.databaseUrl === null) throw new StartupError("DATABASE_URL: the role worker needs the database that the API uses");
  const log = openLog("worker", config.logLevel);
  const db = openDb(config.databaseUrl, (error) => log.warn({ err: error }, "a database connection broke"), 20);
  const keyring = await openKeyring(db, config.home);
  const models = await openModels({ db, keyring, config });
  const sandboxes = bubblewrapDriver({ home: config.home, uids: config.uids });
  const metrics = openMetrics(`worker ${config.workerName}`);
  const counters = openCounters(metrics);
  const stopping = new AbortController();
  const working = work({ db, config, sandboxes, engine: loopEngine(models.find), keyring, models, counters, log }, stopping.signal);
  const keeping = upkeep({ db, config, log, metrics }, stopping.signal);
  working.catch((error) => {
    log.fatal({ err: error }, "the worker ends");
    process.exitCode = 1;
    process.kill(process.pid, "SIGTERM");
  });
  return {
    async stop() {
      stopping.abort();
      await working.catch(() => {});
      await keeping;
      await db.close();
    },
  };
}
