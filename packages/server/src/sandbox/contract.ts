import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Sandbox, SandboxLost, SandboxUnavailable } from "./sandbox.ts";
import { run, TEST_LIMITS, type TestDriver } from "./testing.ts";

/** What every driver must hold. `make` gives a driver on a home of its own; the tests share one. */
export function describeDriver(name: string, make: () => Promise<TestDriver>): void {
  describe(name, { concurrency: 3 }, () => {
    let host: TestDriver;
    let shared: Sandbox;
    let notHeld: string[];
    before(async () => {
      host = await make();
      assert.deepEqual(await host.driver.missing(), []);
      notHeld = await host.driver.limitsNotHeld();
      shared = await host.create({ owner: 1, variables: { COLOUR: "green" } });
    });
    after(async () => {
      await host[Symbol.asyncDispose]();
    });
    const holds = (limit: string) => !notHeld.some((line) => line.startsWith(`${limit}:`));

    test("a command's exit code, streams, directory and variables", async () => {
      const script = 'echo "$COLOUR $EXTRA $HOME $USER $PATH"; pwd; echo oops >&2; exit 7';
      const { exit, stdout, stderr } = await run(shared, script, { cwd: "/home/agent", variables: { EXTRA: "x y" } });
      assert.deepEqual(exit, { kind: "exited", code: 7 });
      assert.match(stdout, /^green x y \/home\/agent agent \/usr\/local\/bin:\/usr\/bin:\/bin:.*\n\/home\/agent\n$/);
      assert.equal(stderr, "oops\n");
    });

    test("an argument arrives as it is, without a shell", async () => {
      const { stdout } = await run(shared, ["printf", "%s", "a b\n$HOME;`ls`*é"]);
      assert.equal(Buffer.from(stdout, "latin1").toString(), "a b\n$HOME;`ls`*é");
    });

    test("output can be opened by its name, as a terminal's or a pipe's can", async () => {
      const { stdout, stderr } = await run(shared, "echo out > /dev/stdout; echo err > /dev/stderr");
      assert.deepEqual({ stdout, stderr }, { stdout: "out\n", stderr: "err\n" });
    });

    test("what cannot be run ends as in a shell, with a message", async () => {
      const missing = await run(shared, ["no-such-program"]);
      assert.deepEqual([missing.exit, missing.stderr], [{ kind: "exited", code: 127 }, "no-such-program: not found\n"]);
      const directory = await run(shared, ["/usr"]);
      assert.deepEqual(directory.exit, { kind: "exited", code: 126 });
      const nowhere = await run(shared, ["true"], { cwd: "/no/where" });
      assert.deepEqual([nowhere.exit, nowhere.stderr], [{ kind: "exited", code: 126 }, "/no/where: no such directory\n"]);
    });

    test("a signal that ends a command is its exit", async () => {
      const { exit } = await run(shared, "kill -SEGV $$");
      assert.deepEqual(exit, { kind: "signalled", signal: "SIGSEGV" });
    });

    test("a signal reaches the command's process group", async () => {
      const command = {
        argv: ["sh", "-c", "trap 'echo caught; exit 3' TERM; echo ready; sleep 60 & wait"] as const,
        cwd: "/",
        timeoutMs: 60_000,
      };
      const execution = shared.exec(command, AbortSignal.timeout(60_000));
      let text = "";
      for await (const { bytes } of execution.output) {
        text += Buffer.from(bytes).toString();
        if (text === "ready\n") execution.signal("SIGTERM");
      }
      assert.equal(text, "ready\ncaught\n");
      assert.deepEqual(await execution.exit, { kind: "exited", code: 3 });
      execution.signal("SIGKILL"); // too late is no error
    });

    test("a command over its time is killed with its children", async () => {
      const marker = uniqueSeconds();
      const { exit } = await run(shared, `sleep ${marker} & sleep ${marker}`, { timeoutMs: 300 });
      assert.deepEqual(exit, { kind: "timed-out" });
      await eventually(async () => !(await run(shared, `cat /proc/[0-9]*/cmdline | tr '\\0' ' '`)).stdout.includes(`sleep ${marker}`));
    });

    test("an abort kills the command; one before the start starts nothing", async () => {
      const abort = new AbortController();
      const running = shared.exec({ argv: ["sh", "-c", "echo up; sleep 60"], cwd: "/", timeoutMs: 60_000 }, abort.signal);
      for await (const _ of running.output) abort.abort();
      assert.deepEqual(await running.exit, { kind: "cancelled" });
      const never = await run(shared, "touch /workspace/never", {}, AbortSignal.abort());
      assert.deepEqual(never, { exit: { kind: "cancelled" }, stdout: "", stderr: "" });
      assert.deepEqual((await run(shared, "test -e /workspace/never")).exit, { kind: "exited", code: 1 });
    });

    test("standard input: absent, bytes, a generator", async () => {
      assert.equal((await run(shared, "cat; readlink /proc/self/fd/0")).stdout, "/dev/null\n");
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
      assert.equal((await run(shared, ["cat"], { stdin: bytes })).stdout, bytes.toString("latin1"));
      assert.deepEqual(await run(shared, ["cat"], { stdin: new Uint8Array() }), {
        exit: { kind: "exited", code: 0 },
        stdout: "",
        stderr: "",
      });
      async function* parts() {
        for (const part of ["one ", "two ", "three"]) yield Buffer.from(part);
      }
      assert.equal((await run(shared, ["cat"], { stdin: parts() })).stdout, "one two three");
    });

    test("standard input that is written while the command runs, in answer to what it says", async () => {
      const answers: ((text: string | null) => void)[] = [];
      async function* input() {
        for (;;) {
          const text = await new Promise<string | null>((resolve) => answers.push(resolve));
          if (text === null) return;
          yield Buffer.from(text);
        }
      }
      const argv = ["sh", "-c", 'echo 1; read a; echo "got $a"; read b; echo "got $b"; cat; exit 5'] as const;
      const execution = shared.exec({ argv, cwd: "/", timeoutMs: 60_000, stdin: input() }, AbortSignal.timeout(60_000));
      let said = "";
      for await (const { bytes } of execution.output) {
        said += Buffer.from(bytes).toString();
        if (said === "1\n") answers.shift()?.("one\n");
        if (said === "1\ngot one\n") answers.shift()?.("two\nrest\n");
        if (said === "1\ngot one\ngot two\nrest\n") answers.shift()?.(null);
      }
      assert.deepEqual(await execution.exit, { kind: "exited", code: 5 });
    });

    test("a command that stops reading: its generator is told, and was pulled only as fast as it read", async () => {
      let pulled = 0;
      const told = Promise.withResolvers<void>();
      async function* endless() {
        try {
          for (;;) {
            pulled += 65_536;
            yield Buffer.alloc(65_536, "x");
          }
        } finally {
          told.resolve();
        }
      }
      const command = run(shared, "head -c 5; exec 0<&-; until [ -e told ]; do sleep 0.02; done; exit 4", { stdin: endless() });
      await told.promise; // while the command still runs
      await run(shared, "touch told");
      const { exit, stdout } = await command;
      assert.deepEqual([exit, stdout], [{ kind: "exited", code: 4 }, "xxxxx"]);
      assert.ok(pulled < 4_000_000, `${pulled} bytes were pulled for 5`);
    });

    test("300 MB of output arrive whole and are never all in memory", async () => {
      const execution = shared.exec(
        { argv: ["head", "-c", "300000000", "/dev/zero"], cwd: "/", timeoutMs: 300_000 },
        AbortSignal.timeout(300_000),
      );
      const hash = createHash("sha256");
      let count = 0;
      let most = 0;
      let looked = 0;
      for await (const { bytes } of execution.output) {
        hash.update(bytes);
        count += bytes.length;
        if (count - looked < 15_000_000) continue;
        looked = count;
        most = Math.max(most, heldBytes());
      }
      assert.deepEqual(await execution.exit, { kind: "exited", code: 0 });
      assert.equal(count, 300_000_000);
      assert.equal(hash.digest("hex"), createHash("sha256").update(Buffer.alloc(300_000_000)).digest("hex"));
      assert.ok(most > 0 && most < 100_000_000, `held ${most} bytes at once`);
    });

    test("a reader that does not read holds up its own command only", async () => {
      const stop = new AbortController();
      const slow = shared.exec({ argv: ["yes"], cwd: "/", timeoutMs: 60_000 }, stop.signal);
      const reader = slow.output[Symbol.asyncIterator]();
      await reader.next();
      const others = await Promise.all(Array.from({ length: 20 }, (_, index) => run(shared, `echo ${index}; exit ${index}`)));
      assert.deepEqual(
        others.map(({ exit, stdout }) => [exit, stdout]),
        others.map((_, index) => [{ kind: "exited", code: index }, `${index}\n`]),
      );
      stop.abort();
      await reader.return?.();
      assert.deepEqual(await slow.exit, { kind: "cancelled" });
    });

    test("bytes and file names that are no text", async () => {
      const { stdout } = await run(
        shared,
        "mkdir -p names && cd names && touch \"$(printf 'a\\377\\001 b')\" && ls --quoting-style=literal --show-control-chars && printf '\\000\\377\\200'",
      );
      assert.equal(stdout, "a\xff\x01 b\n\x00\xff\x80");
    });

    test("a process left in the background delays nothing and lives on, also when it writes", async () => {
      const { exit, stdout } = await run(shared, "rm -f beats; (while :; do echo beat; echo >> beats; sleep 0.02; done) & echo started");
      assert.deepEqual(exit, { kind: "exited", code: 0 });
      assert.ok(stdout.includes("started\n"));
      const beats = async () => Number((await run(shared, "wc -l < beats")).stdout);
      const first = await beats();
      await eventually(async () => (await beats()) > first + 5);
    });

    test("all output of a command arrives, however soon it ends", async () => {
      for (let round = 0; round < 10; round++) {
        const { stdout } = await run(shared, "sleep 60 & head -c 60000 /dev/zero | tr '\\0' x");
        assert.equal(stdout.length, 60_000);
      }
    });

    test("a memory bomb is killed alone", { timeout: 120_000 }, async (t) => {
      if (!holds("memory")) return t.skip("no memory limit on this host");
      await using sandbox = await host.create({ limits: { ...TEST_LIMITS, memoryMb: 200 } });
      const { exit } = await run(sandbox, ["perl", "-e", 'my @all; push @all, "x" x 1_000_000 while 1']);
      assert.deepEqual(exit, { kind: "signalled", signal: "SIGKILL" });
      assert.equal((await run(sandbox, "echo still here")).stdout, "still here\n");
    });

    test("a sandbox whose files in memory fill it is lost or goes on, but does not grow", async (t) => {
      if (!holds("memory")) return t.skip("no memory limit on this host");
      await using sandbox = await host.create({ limits: { ...TEST_LIMITS, memoryMb: 128 } });
      const { exit } = await run(sandbox, "head -c 300M /dev/zero > /tmp/a").catch((error) => ({ exit: error }));
      assert.notDeepEqual(exit, { kind: "exited", code: 0 });
    });

    test("a fork bomb stays within its limit and ends with its sandbox", async (t) => {
      if (!holds("processes")) return t.skip("no process limit on this host");
      const marker = uniqueSeconds();
      await using sandbox = await host.create({ limits: { ...TEST_LIMITS, processes: 40 } });
      await run(sandbox, `for i in $(seq 200); do sleep ${marker} & done`);
      const count = (await hostProcesses(marker)).length; // some may still be the shell that forked them
      assert.ok(count > 10 && count < 90, `${count} of 200 processes`);
      const bomb = sandbox.exec(
        { argv: ["sh", "-c", "f() { f | f & }; echo up; f; wait"], cwd: "/", timeoutMs: 5000 },
        AbortSignal.timeout(60_000),
      );
      for await (const _ of bomb.output) break;
      await sandbox[Symbol.asyncDispose]();
      assert.deepEqual(await hostProcesses(`sleep\0${marker}`), []);
    });

    test("no file is larger than the disk limit, and no sandbox uses more for long", async () => {
      await using sandbox = await host.create({ limits: { ...TEST_LIMITS, diskMb: 64 } });
      const { exit } = await run(sandbox, ["head", "-c", "100M", "/dev/zero"], {}).then(() =>
        run(sandbox, "exec head -c 100M /dev/zero > big"),
      );
      assert.deepEqual(exit, { kind: "signalled", signal: "SIGXFSZ" });
      await assert.rejects(
        run(sandbox, "i=0; while :; do i=$((i+1)); head -c 10M /dev/zero > file$i; sleep 0.05; [ $i -lt 40 ] || i=20; done"),
        (error) => {
          assert.ok(error instanceof SandboxLost);
          assert.match(error.message, /over its disk limit of 64 MB/);
          return true;
        },
      );
    });

    test("limits that are required are held, or no sandbox is made", async () => {
      const spec = host.spec({ limits: { ...TEST_LIMITS, required: true } });
      if (notHeld.length === 0) await (await host.driver.create(spec, AbortSignal.timeout(60_000)))[Symbol.asyncDispose]();
      else await assert.rejects(host.driver.create(spec, AbortSignal.timeout(60_000)), SandboxUnavailable);
    });

    test("disposal ends all in it, may be repeated, and later calls say so", async () => {
      const marker = uniqueSeconds();
      const sandbox = await host.create();
      const running = run(sandbox, `echo up; sleep ${marker}`);
      running.catch(() => {});
      await eventually(async () => (await hostProcesses(`sleep\0${marker}`)).length > 0);
      await Promise.all([sandbox[Symbol.asyncDispose](), sandbox[Symbol.asyncDispose]()]);
      await sandbox[Symbol.asyncDispose]();
      await assert.rejects(running, SandboxLost);
      await assert.rejects(run(sandbox, "true"), { name: "SandboxLost", message: "the sandbox was disposed" });
      assert.ok(sandbox.lost.aborted && sandbox.lost.reason instanceof SandboxLost);
      assert.deepEqual(await hostProcesses(`sleep\0${marker}`), []);
    });

    test("a sandbox whose agent is killed is lost", async () => {
      await using sandbox = await host.create();
      await assert.rejects(run(sandbox, "kill -9 -1; kill -9 2; sleep 60"), SandboxLost);
      await assert.rejects(run(sandbox, "true"), SandboxLost);
    });

    test("a start that is aborted leaves nothing, and its run can start again", async () => {
      const spec = host.spec();
      await assert.rejects(host.driver.create(spec, AbortSignal.timeout(5)), { name: "TimeoutError" });
      await using sandbox = await host.driver.create(spec, AbortSignal.timeout(60_000));
      assert.equal((await run(sandbox, "echo again")).stdout, "again\n");
      await assert.rejects(host.driver.create(spec, AbortSignal.timeout(60_000)), SandboxUnavailable);
    });

    test("many at once", async () => {
      const all = await Promise.all(Array.from({ length: 12 }, () => host.create({ owner: 2 })));
      const texts = await Promise.all(all.map(async (sandbox, index) => (await run(sandbox, `echo ${index} > mine; cat mine`)).stdout));
      assert.deepEqual(
        texts,
        all.map((_, index) => `${index}\n`),
      );
      await Promise.all(all.map((sandbox) => sandbox[Symbol.asyncDispose]()));
    });

    test("layers: sealed, stacked, never changed", async () => {
      const owner = 3;
      const first = await host.create({ owner });
      await run(
        first,
        "echo one > a; echo one > b; mkdir d; echo one > d/e; ln -s a l; printf x > \"$(printf 'n\\377')\"; chmod 755 a; mkdir shut; chmod 0 shut",
      );
      await run(first, "(while :; do echo more >> b; done) & sleep 0.05");
      assert.equal(await host.driver.layer("first", owner), null);
      const marker = uniqueSeconds();
      await run(first, `sleep ${marker} &`);
      await eventually(async () => (await hostProcesses(`sleep\0${marker}`)).length === 1);
      const [writer] = await hostProcesses(`sleep\0${marker}`);
      const sealing = host.driver.seal(first, "first");
      let settled = false;
      void sealing
        .finally(() => {
          settled = true;
        })
        .catch(() => {});
      while (!settled && (await host.driver.layer("first", owner)) === null) assert.ok(first.lost.aborted);
      assert.throws(() => process.kill(writer as number, 0), { code: "ESRCH" }, "nothing lives that could write into a layer");
      const bottom = await sealing;
      assert.equal(await host.driver.layer("first", owner), bottom);
      assert.equal(await host.driver.layer("first", 4), null);
      await assert.rejects(run(first, "true"), SandboxLost);
      await assert.rejects(host.driver.seal(first, "again"), SandboxLost);

      const look = "ls -1 --quoting-style=literal --show-control-chars; cat a; head -n1 b; cat d/e; readlink l; stat -c %a a";
      const second = await host.create({ owner, layers: [bottom] });
      assert.equal((await run(second, look)).stdout, "a\nb\nd\nl\nn\xff\nshut\none\none\none\na\n755\n");
      const size = (await run(second, "wc -c < b")).stdout;
      await run(second, "echo two > a; rm b; rm -r d; mkdir d; echo two > d/f");
      const top = await host.driver.seal(second, "second");

      await using third = await host.create({ owner, layers: [top, bottom] });
      assert.equal((await run(third, "ls; cat a; ls d")).stdout, "a\nd\nl\nn\xff\nshut\ntwo\nf\n");
      await using fourth = await host.create({ owner, layers: [bottom] });
      assert.equal((await run(fourth, look)).stdout, "a\nb\nd\nl\nn\xff\nshut\none\none\none\na\n755\n");
      assert.equal((await run(fourth, "wc -c < b")).stdout, size);

      await assert.rejects(host.create({ owner: 5, layers: [bottom] }), SandboxUnavailable);
      await assert.rejects(host.create({ owner, layers: ["../../etc"] }), SandboxUnavailable);
      const rival = await host.create({ owner });
      await run(rival, "echo rival > a");
      assert.equal(await host.driver.seal(rival, "first"), bottom);
      await using fifth = await host.create({ owner, layers: [bottom] });
      assert.equal((await run(fifth, "cat a")).stdout, "one\n");
    });

    test("layers are listed, measured and removed, whatever is in them", async () => {
      const owner = 6;
      const sandbox = await host.create({ owner });
      await run(sandbox, "head -c 2M /dev/urandom > a; mkdir shut; touch shut/b; chmod 0 shut; ln -s / root");
      const layer = await host.driver.seal(sandbox, "measured");
      assert.ok((await host.driver.layers()).includes(layer));
      const bytes = (await host.driver.layerBytes(layer)) ?? 0;
      assert.ok(bytes >= 2 * 1024 * 1024 && bytes < 3 * 1024 * 1024, `${bytes} bytes`);
      await host.driver.removeLayer(layer);
      await host.driver.removeLayer(layer);
      assert.equal(await host.driver.layer("measured", owner), null);
      assert.ok(!(await host.driver.layers()).includes(layer));
      await assert.rejects(host.create({ owner, layers: [layer] }), SandboxUnavailable);
    });

    test("what a killed worker leaves is swept away, and nothing else", async () => {
      const marker = uniqueSeconds();
      await using other = await host.create();
      const worker = host.worker("left.1", `echo up; exec sleep ${marker}`);
      await once(worker.stdout, "data", { signal: AbortSignal.timeout(60_000) });
      await eventually(async () => (await hostProcesses(`sleep\0${marker}`)).length > 0);
      worker.kill("SIGKILL");
      await eventually(async () => (await hostProcesses(`sleep\0${marker}`)).length === 0);
      await host.driver.sweep(new Set());
      await host.driver.sweep(new Set());
      assert.ok(!(await readdir(`${host.home}/sandboxes`)).includes("left.1"));
      assert.ok(!(await readFile("/proc/self/mountinfo", "utf8")).includes(host.home));
      assert.equal((await run(other, "echo here")).stdout, "here\n");
    });
  });
}

/** For `sleep`, so that the process can be told from every other on the host. */
const uniqueSeconds = () => `1000.${Math.floor(Math.random() * 1e12)}`;

/** Host process ids whose command line contains the text. */
export async function hostProcesses(text: string): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")));
  return pids.filter((_, index) => (lines[index] as string).includes(text)).map(Number);
}

/** Waits for a state, at most two minutes: a machine may be slow. */
export async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(20)) if (await holds()) return;
  assert.fail(`did not come about: ${holds}`);
}

/** Bytes in buffers that something still refers to. */
function heldBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().arrayBuffers;
}
