import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { StartupError } from "../config.ts";
import { freePort } from "../testing/free-port.ts";
import { closedFolder, prepareHome } from "./home.ts";
import { lockHome } from "./instance-lock.ts";
import { requireFreePort } from "./port.ts";
import { variablesOf } from "./variables.ts";

const scratch = mkdtempSync(join(tmpdir(), "farhand-home-"));
chmodSync(scratch, 0o711);
after(() => rmSync(scratch, { recursive: true, force: true }));
const saying = (pattern: RegExp) => (error: unknown) => error instanceof StartupError && pattern.test(error.message);

test("the home is closed to others; under root they may pass through", () => {
  prepareHome(join(scratch, "own/home"), false);
  assert.equal(statSync(join(scratch, "own/home")).mode & 0o777, 0o700);
  prepareHome(join(scratch, "root"), true);
  chmodSync(join(scratch, "root"), 0o777);
  prepareHome(join(scratch, "root"), true);
  assert.equal(statSync(join(scratch, "root")).mode & 0o777, 0o711);
});

test("a home that cannot be made is named", () => {
  writeFileSync(join(scratch, "file"), "");
  assert.throws(() => prepareHome(join(scratch, "file/home"), false), saying(/FARHAND_HOME: .*file\/home cannot be used/));
});

test("the folder that keeps the system user out is found", () => {
  const home = join(scratch, "closed/home");
  prepareHome(home, true);
  const stranger = { name: "stranger", uid: 64_001, gid: 64_001 };
  chmodSync(join(scratch, "closed"), 0o755);
  assert.equal(closedFolder(home, stranger), null);
  chmodSync(join(scratch, "closed"), 0o700);
  assert.equal(closedFolder(home, stranger), join(scratch, "closed"));
});

test("a second start on one home is told which process is in the way", async () => {
  prepareHome(join(scratch, "one"), false);
  const first = await lockHome(join(scratch, "one"), () => {});
  await assert.rejects(
    lockHome(join(scratch, "one"), () => {}),
    saying(new RegExp(`process ${process.pid}\\b`)),
  );
  first[Symbol.dispose]();
  (await lockHome(join(scratch, "one"), () => {}))[Symbol.dispose]();
});

test("a killed holder is no obstacle, but its children that live on are waited for", async () => {
  const home = join(scratch, "killed");
  prepareHome(home, false);
  // The lock file is open as descriptor 3 in the holder and in its child, as the supervisor passes it on.
  const holder = spawn("sh", ["-c", `echo $$ > "$0/lock"; exec 3>>"$0/lock"; flock 3; sleep 600 & echo $!; wait`, home], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(holder.stdout, "data");
  const exit = once(holder, "exit");
  holder.kill("SIGKILL");
  await exit;
  const said: string[] = [];
  const lock = await lockHome(home, (text) => {
    said.push(text);
    process.kill(Number(String(line)));
  });
  lock[Symbol.dispose]();
  assert.deepEqual(said, ["Waiting for the processes of an earlier start to end"]);
});

test("a port that is taken, and an address of another machine, are named before anything starts", async () => {
  const port = await freePort();
  const other = createServer().listen(port, "127.0.0.1");
  await once(other, "listening");
  await assert.rejects(requireFreePort("127.0.0.1", port), saying(new RegExp(`FARHAND_PORT: port ${port} on 127.0.0.1 is taken`)));
  other.close();
  await once(other, "close");
  await requireFreePort("127.0.0.1", port);
  await assert.rejects(requireFreePort("192.0.2.1", port), saying(/FARHAND_HOST: 192.0.2.1 is no address of this machine/));
});

test("the API process is given no variable that could hold a key", () => {
  const all = {
    PATH: "/bin",
    OPENAI_API_KEY: "k",
    FARHAND_COMPATIBLE_API_KEY: "k",
    AWS_SECRET_ACCESS_KEY: "k",
    GITHUB_TOKEN: "k",
    FARHAND_PORT: "1",
    DATABASE_URL: "u",
    LC_ALL: "C",
  };
  assert.deepEqual(Object.keys(variablesOf("api", all)).sort(), ["DATABASE_URL", "FARHAND_PORT", "LC_ALL", "PATH"]);
  assert.deepEqual(variablesOf("worker", all), all);
});
