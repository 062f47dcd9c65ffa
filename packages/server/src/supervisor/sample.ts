import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { DEFAULT_LIMITS, NO_SETUP } from "@farhand/protocol";
import { gitText } from "../forge/git/host-git.ts";
import { openDb } from "../store/db.ts";
import { addEnvironment } from "../store/environments.ts";
import { hasEnvironments, sampleIsSettled, settleSample } from "../store/sample.ts";
import { createTask } from "../store/tasks.ts";
import { firstAdministrator } from "../store/users.ts";

const PROJECT = fileURLToPath(new URL("../../sample/", import.meta.url));
const PROMPT = new URL("./sample-task.md", import.meta.url);
const NAME = "sample";
const LIMIT_MS = 30_000;

/**
 * At the first start of a service that has no environment yet: a repository with a failing test beneath `home`, its environment, and a task that mends it.
 * Made once, whatever becomes of it afterwards. A failure is said and stops nothing; the next start tries again.
 */
export async function makeSample(databaseUrl: string, home: string, say: (line: string) => void): Promise<void> {
  const db = openDb(databaseUrl, () => {}, 1);
  try {
    if (await sampleIsSettled(db)) return;
    const user = await firstAdministrator(db);
    if (!user || (await hasEnvironments(db))) return await settleSample(db, null);
    say("Making the sample project and its first task");
    const repository = await makeRepository(join(home, NAME));
    const prompt = await readFile(PROMPT, "utf8");
    await db.transaction(async (tx) => {
      const spec = {
        repository,
        branch: null,
        publish: "click" as const,
        transcript: "none" as const,
        limits: DEFAULT_LIMITS,
        network: { kind: "none" as const },
        ...NO_SETUP,
      };
      const environment = await addEnvironment(tx, NAME, { spec, sealedToken: null, by: user.id, byAdministrator: true });
      const title = "Split a bill without losing a cent";
      const task = await createTask(tx, user, {
        environment,
        title,
        prompt,
        ref: null,
        mode: "code",
        model: "script",
        priority: 0,
        attempts: 1,
      });
      await settleSample(tx, { environment: environment.id, task });
    });
  } catch (error) {
    say(`The sample project could not be made: ${(error as Error).message}`);
  } finally {
    await db.close();
  }
}

/** A bare repository with the project as its one commit. Whole or not there. */
async function makeRepository(folder: string): Promise<string> {
  const path = join(folder, "tally.git");
  const draft = join(folder, "tally.new");
  const signal = AbortSignal.timeout(LIMIT_MS);
  for (const old of [path, draft]) await rm(old, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await gitText({ gitDir: null, args: ["init", "--quiet", "--bare", "--initial-branch=main", "--", draft] }, signal);
  const variables = { GIT_INDEX_FILE: join(draft, "sample.index"), ...IDENTITY };
  const git = (args: string[], stdin = "") => gitText({ gitDir: draft, args, stdin: Buffer.from(stdin), variables }, signal);
  for (const file of await filesBelow(PROJECT)) {
    const blob = await git(["hash-object", "-w", "--stdin"], await readFile(file, "utf8"));
    await git(["update-index", "--add", "--cacheinfo", `100644,${blob},${relative(PROJECT, file)}`]);
  }
  const commit = await git(["commit-tree", await git(["write-tree"])], "A tool that splits bills\n");
  await git(["update-ref", "refs/heads/main", commit]);
  await rm(variables.GIT_INDEX_FILE);
  await rename(draft, path);
  return path;
}

const IDENTITY = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "Farhand"],
    [`GIT_${role}_EMAIL`, "farhand@localhost.localdomain"],
  ]),
);

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
