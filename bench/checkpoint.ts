import { join } from "node:path";
import { DEFAULT_LIMITS } from "@farhand/protocol";
import pino from "pino";
import { readConfig } from "../packages/server/src/config.ts";
import { fetchMirror } from "../packages/server/src/forge/git/mirror.ts";
import { parseRepository } from "../packages/server/src/forge/git/repository.ts";
import { resolveRef } from "../packages/server/src/forge/git/resolve-ref.ts";
import { makeTree } from "../packages/server/src/run/checkout.ts";
import { openCheckpoints } from "../packages/server/src/run/checkpoint.ts";
import { runInSandbox } from "../packages/server/src/run/sandbox-git.ts";
import { bubblewrapDriver } from "../packages/server/src/sandbox/bubblewrap/driver.ts";
import { createTask } from "../packages/server/src/store/tasks.ts";
import { populate } from "../packages/server/src/testing/populate.ts";
import { benchDatabase } from "./database.ts";
import { type Benchmark, type Figure, p50p99, timed } from "./figure.ts";
import { temporaryFolder } from "./folder.ts";
import { makeRepository } from "./repository.ts";

const SIZES = [100, 50_000];
const STEPS = 20;

/** What saving and restoring the working tree costs after a step. */
export const checkpoint: Benchmark = {
  name: "checkpoint",
  async run(say, signal) {
    const figures: Figure[] = [];
    for (const files of SIZES) figures.push(...(await measure(files, say, signal)));
    return figures;
  },
};

async function measure(files: number, say: (line: string) => void, signal: AbortSignal): Promise<Figure[]> {
  say(`a tree of ${files} files`);
  await using folder = await temporaryFolder();
  await using database = await benchDatabase(say, signal);
  const { db } = database;
  const { user, draft } = await populate(db);
  const taskId = await db.transaction((tx) => createTask(tx, user, draft));
  const path = join(folder.path, "shop.git");
  await makeRepository(path, files, signal);
  const home = join(folder.path, "home");
  const access = { repository: parseRepository(path), token: null, administrator: true };
  const mirror = await fetchMirror({ home, repositoryId: "repo_1", access }, signal);
  const { commit: base } = await resolveRef(mirror, access, null, signal);
  const driver = bubblewrapDriver({ home, uids: readConfig({}, process.getuid?.() === 0).uids });
  await using made = new AsyncDisposableStack();
  const maker = await driver.create({ run: "layer.1", layers: [], owner: 0, limits: DEFAULT_LIMITS, variables: {} }, signal);
  await makeTree(maker, mirror, { commit: base, folder: "/workspace/shop", layerCommit: null }, signal);
  const layer = await driver.seal(maker, "layer");

  async function machine(run: string) {
    const sandbox = made.use(await driver.create({ run, layers: [layer], owner: 0, limits: DEFAULT_LIMITS, variables: {} }, signal));
    const tree = await makeTree(sandbox, mirror, { commit: base, folder: "/workspace/shop", layerCommit: base }, signal);
    const log = pino({ level: "silent" });
    const checkpoints = made.use(
      await openCheckpoints({ db, home, taskId, mirror, sandbox, tree, base, keepBytes: Number.POSITIVE_INFINITY, maxBytes: 2 ** 30, log }),
    );
    return { sandbox, tree, checkpoints };
  }

  const { sandbox, tree, checkpoints } = await machine("attempt.1");
  const save = async () => {
    const saved = await checkpoints.save(signal);
    if ("lost" in saved) throw new Error(saved.lost);
    return saved;
  };
  const first = await timed(1, signal, save);
  const unchanged = await timed(STEPS, signal, save);
  const changed: number[] = [];
  for (let step = 1; step <= STEPS; step += 1) {
    const script = `for n in 1 2 3 4 5; do echo ${step} >> src/part0/file$n.ts; done; echo ${step} > new-${step}`;
    await runInSandbox(sandbox, { argv: ["sh", "-c", script], cwd: tree.path }, signal);
    changed.push(...(await timed(1, signal, save)));
  }
  const saved = await save();
  const other = await machine("attempt.2");
  const restored = await timed(1, signal, () => other.checkpoints.restore(saved, signal));
  const of = `of a tree of ${files.toLocaleString("en")} files`;
  const figure = (what: string, times: readonly number[]): Figure => ({ what, farhand: p50p99(times), podman: null, bare: null });
  return [
    figure(`first checkpoint ${of}, nothing changed`, first),
    figure(`checkpoint ${of} after a step that changed nothing`, unchanged),
    figure(`checkpoint ${of} after a step that changed 6 files`, changed),
    figure(`restore the last of ${STEPS} such checkpoints`, restored),
  ];
}
