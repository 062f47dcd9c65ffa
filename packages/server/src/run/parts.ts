import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Engine } from "../engine/engine.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import type { Db } from "../store/db.ts";
import type { Keyring } from "../store/secrets.ts";
import type { Counters } from "./counters.ts";
import type { KeptSandboxes } from "./kept-sandboxes.ts";
import type { Models } from "./models.ts";

/** What runs and publications may touch. */
export type WorkerParts = {
  db: Db;
  config: Config;
  sandboxes: SandboxDriver;
  engine: Engine;
  keyring: Keyring;
  models: Models;
  kept: KeptSandboxes;
  counters: Counters;
  log: Logger;
};

/** What a worker is started with; what it keeps it makes itself. */
export type StartParts = Omit<WorkerParts, "kept">;

/** What layers are kept and removed with. */
export type LayerParts = Pick<WorkerParts, "db" | "sandboxes"> & { config: Pick<Config, "workerName" | "maxLayersBytes"> };
