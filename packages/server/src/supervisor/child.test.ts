import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { hasEnded, isAlive } from "../store/postgres/process-state.ts";
import { keepRunning, pauseMs } from "./child.ts";

const shell = (script: string) => spawn("sh", ["-c", script], { detached: true, stdio: ["ignore", "pipe", "inherit"] });

test("the pause before a new start grows, and has an end", () => {
  assert.deepEqual([1, 2, 3, 4, 20, 5000].map(pauseMs), [100, 200, 400, 800, 10_000, 10_000]);
});

test("a process that was killed is started again, and its end is named", async () => {
  const launched: ReturnType<typeof shell>[] = [];
  const said: string[] = [];
  const second = Promise.withResolvers<void>();
  const child = keepRunning({
    name: "sleeper",
    say: (line) => said.push(line),
    again: () => true,
    launch: () => {
      const process = shell("exec sleep 600");
      if (launched.push(process) === 2) second.resolve();
      return process;
    },
  });
  launched[0]?.kill("SIGKILL");
  await second.promise;
  await child.stop(5000);
  assert.match(said[0] ?? "", /^The sleeper ended \(killed by SIGKILL\); starting it again in 100 ms$/);
  assert.equal(launched.length, 2);
  assert.equal(isAlive(launched[1]?.pid as number), false);
});

test("a process that cannot even be launched is tried again like one that ended", async () => {
  const asked: [string, number][] = [];
  const launched = Promise.withResolvers<void>();
  const child = keepRunning({
    name: "starved",
    say: () => {},
    again: (why, inARow) => asked.push([why, inARow]) > 0,
    launch: () => {
      if (asked.length < 2) throw new Error("spawn ENOMEM");
      launched.resolve();
      return shell("exec sleep 600");
    },
  });
  await launched.promise;
  await child.stop(5000);
  assert.deepEqual(asked, [
    ["spawn ENOMEM", 1],
    ["spawn ENOMEM", 2],
  ]);
});

test("whoever is asked may say that it shall not be started again", async () => {
  const asked: [string, number][] = [];
  let launches = 0;
  const over = Promise.withResolvers<void>();
  const child = keepRunning({
    name: "loser",
    say: () => {},
    again: (why, inARow) => {
      asked.push([why, inARow]);
      if (inARow === 2) over.resolve();
      return inARow < 2;
    },
    launch: () => {
      launches++;
      return shell("exit 7");
    },
  });
  await over.promise;
  await child.stop(5000);
  assert.deepEqual(asked, [
    ["exit code 7", 1],
    ["exit code 7", 2],
  ]);
  assert.equal(launches, 2);
});

test("a program that does not exist ends like any other", async () => {
  const asked = Promise.withResolvers<string>();
  const child = keepRunning({
    name: "nothing",
    say: () => {},
    again: (why) => {
      asked.resolve(why);
      return false;
    },
    launch: () => spawn("/nonexistent/program", { detached: true }),
  });
  assert.match(await asked.promise, /ENOENT/);
  await child.stop(5000);
});

test("one that does not heed SIGTERM is killed at the deadline, with all that it started", async () => {
  const launched = shell("trap '' TERM; sleep 600 & echo $!; wait");
  const child = keepRunning({ name: "stubborn", say: () => {}, again: () => false, launch: () => launched });
  const [line] = await once(launched.stdout, "data");
  await child.stop(50);
  assert.equal(isAlive(launched.pid as number), false);
  assert.ok(await hasEnded(Number(String(line)), 5000));
});
