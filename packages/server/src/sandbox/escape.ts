import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hostProcesses } from "./contract.ts";
import type { Sandbox } from "./sandbox.ts";
import { run, type TestDriver } from "./testing.ts";

/** Perl is part of every Debian: system calls that no program makes. Prints the error number of the call, or 0. */
const call = (x64: number, arm64: number, ...args: (number | string)[]) =>
  `perl -e '$! = 0; my $r = syscall(${[process.arch === "x64" ? x64 : arm64, ...args].join(", ")}); print $r < 0 ? $! + 0 : 0'`;
const socket = (family: number, type: number, protocol = 0) =>
  `perl -e 'print socket(my $s, ${family}, ${type}, ${protocol}) ? 0 : $! + 0'`;

/** System calls that are refused before the kernel looks at them: outside they fail otherwise, or not at all. Numbers for x86_64 and aarch64. */
const REFUSED_CALLS: Readonly<Record<string, string>> = {
  "unshare(CLONE_NEWUSER)": call(272, 97, 0x10000000),
  "setns(-1)": call(308, 268, -1, 0),
  "umount2(NULL)": call(166, 39, 0, 0),
  "fsopen(NULL)": call(430, 430, 0, 0),
  "open_tree(NULL)": call(428, 428, -1, 0, 0),
  "move_mount(NULL)": call(429, 429, -1, 0, -1, 0, 0),
  "mount_setattr(NULL)": call(442, 442, -1, 0, 0, 0, 0),
  "bpf(-1)": call(321, 280, -1, 0, 0),
  "perf_event_open(NULL)": call(298, 241, 0, 0, -1, -1, 0),
  "userfaultfd(-1)": call(323, 282, 0x7fff0000),
  "io_uring_setup(NULL)": call(425, 425, 1, 0),
  "keyctl(GET_KEYRING_ID)": call(250, 219, 0, -3, 1),
  "add_key(NULL)": call(248, 217, 0, 0, 0, 0, 0),
  "pidfd_getfd(-1)": call(438, 438, -1, 0, 0),
  "open_by_handle_at(NULL)": call(304, 265, -1, 0, 0),
  "init_module(NULL)": call(175, 105, 0, 0, 0),
};

/**
 * Attempts to get out of a sandbox or to see out of it. Each is also made outside, where it has to succeed: so that no attempt fails for a
 * reason of its own. Attempts that not even this process may make outside have no such control and say so.
 */
export function describeEscapes(name: string, make: () => Promise<TestDriver>): void {
  const isRoot = process.geteuid?.() === 0;
  describe(`escapes: ${name}`, { concurrency: 3 }, () => {
    const secret = randomBytes(16).toString("hex");
    let host: TestDriver;
    let inside: Sandbox;
    let directory: string;
    const servers: Server[] = [];
    const listen = async (where: string | { port: number; host: string }) => {
      const server = createServer((connection) => connection.on("error", () => {}).end(secret));
      servers.push(server);
      await new Promise<void>((resolve, reject) => server.once("error", reject).listen(where, resolve));
      return server.address() as { port: number };
    };

    before(async () => {
      process.env.FARHAND_TEST_SECRET = secret;
      host = await make();
      directory = await mkdtemp("/var/tmp/farhand-escape-");
      await chmod(directory, 0o755);
      await writeFile(join(directory, "file"), secret, { mode: 0o644 });
      inside = await host.create();
    });
    after(async () => {
      delete process.env.FARHAND_TEST_SECRET;
      for (const server of servers) server.close();
      await host[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });

    /** What a script prints outside, as the user that runs these tests. */
    const outside = (script: string) =>
      new Promise<string>((resolve) =>
        execFile("sh", ["-c", script], { timeout: 20_000 }, (_, stdout, stderr) => resolve(stdout + stderr)),
      );
    const within = async (script: string) => {
      const { stdout, stderr } = await run(inside, script, { cwd: "/" });
      return stdout + stderr;
    };
    /** The script gets the secret outside and does not inside, where it nevertheless ran to its end. */
    const keepsSecret = async (script: string) => {
      const text = await within(`${script}; echo; echo tried`);
      assert.ok(text.includes("tried"), text);
      assert.ok(!text.includes(secret), text);
      assert.ok((await outside(script)).includes(secret), "control: it works outside");
    };
    const connect = (target: string) =>
      `"${process.execPath}" -e 'require("node:net").connect(${target}).on("error", (e) => console.log(e.code)).pipe(process.stdout)'`;
    const connectInside = (target: string) => connect(target).replace(process.execPath, "/.farhand/node");

    test("files of the host", async () => {
      await keepsSecret(`cat ${directory}/file`);
      for (const way of ["/proc/1/root", "/proc/self/root", "/proc/self/cwd/../../..", "/../../.."]) {
        assert.ok(!(await within(`cat ${way}${directory}/file`)).includes(secret), way);
      }
      assert.equal(await within("cat /etc/hostname"), "sandbox\n");
      assert.match(await within("cat /etc/shadow /etc/machine-id /root/.profile"), /(No such file|Permission denied)/);
      const top = (await within("ls -A /")).split("\n").filter(Boolean);
      const known = "bin dev etc home lib lib32 lib64 libx32 opt proc run sbin srv tmp usr var workspace .farhand".split(" ");
      assert.deepEqual(
        top.filter((entry) => !known.includes(entry)),
        [],
      );
    });

    test("environment of the worker", async () => {
      await keepsSecret("env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'");
    });

    test("processes of the host", async () => {
      const mine = `kill -0 ${process.pid} 2>/dev/null && tr '\\0' ' ' < /proc/${process.pid}/cmdline && echo "${secret}"`;
      await keepsSecret(`${mine}; true`);
      const count = Number(await within("ls -d /proc/[0-9]* 2>/dev/null | wc -l"));
      assert.ok(count < 20 && count < (await hostProcesses("")).length, `${count} processes are seen`);
      const tracing = (pid: number | string) => call(101, 117, 16, pid, 0, 0);
      assert.equal(await within(tracing(process.pid)), "3", "PTRACE_ATTACH: no such process");
      // One that is traced in the moment when it becomes sleep ends by that.
      const control = `sleep 20 & ${tracing("$ENV{P}+0").replace("perl", "P=$! perl")}; kill -9 $! 2>/dev/null`;
      assert.match(await outside(control), isRoot ? /^0$/ : /^[01]$/, "control: outside it works, or is known and refused");
    });

    test("another sandbox of the same user", async () => {
      await using other = await host.create();
      const others = randomBytes(16).toString("hex"); // the secret stands in commands that run beside this
      await run(other, `echo ${others} > /tmp/t; echo ${others} > /workspace/w; echo ${others} > /dev/shm/s`);
      const background = run(other, ["sh", "-c", "sleep 60; :", others]);
      background.catch(() => {});
      const look = "cat /tmp/t /workspace/w /dev/shm/s /proc/*/cmdline /proc/*/environ; ls -R /dev/shm /tmp";
      assert.ok(!(await within(look)).includes(others));
      assert.ok((await run(other, look)).stdout.includes(others), "control");
    });

    test("sockets of the host: by path, abstract, TCP", async () => {
      await listen(join(directory, "socket"));
      await chmod(join(directory, "socket"), 0o777);
      await listen(`\0farhand-${secret}`);
      const { port } = await listen({ port: 0, host: "0.0.0.0" });
      const addresses = Object.values(networkInterfaces())
        .flat()
        .flatMap((each) => (each && each.family === "IPv4" ? [each.address] : []));
      const targets = [
        `"${directory}/socket"`,
        `"\\0farhand-${secret}"`,
        ...["127.0.0.1", ...addresses].map((address) => `${port}, "${address}"`),
      ];
      for (const target of targets) {
        const text = await within(connectInside(target));
        assert.match(text, /ENOENT|ECONNREFUSED|ENETUNREACH/, target);
        const there = await outside(connect(target));
        assert.ok(there.includes(secret), `control: ${target}: ${there}`);
      }
    });

    test("shared memory of the host, by its key", async () => {
      const key = 1 + Math.floor(Math.random() * 2 ** 30);
      const get = (flags: string) =>
        `perl -e 'my $id = shmget(${key}, 100, ${flags}); print defined $id ? "got" : "none"; print STDERR $id'`;
      const id = (await outside(`perl -e 'print shmget(${key}, 100, 01600)'`)).trim();
      try {
        assert.equal((await run(inside, get("0"))).stdout, "none");
        assert.match(await outside(get("0")), /^got/, "control");
      } finally {
        await outside(`ipcrm -m ${id}`);
      }
    });

    test("network: only its own loopback", async () => {
      assert.equal(await within("tail -n +3 /proc/net/dev | sed 's/:.*//;s/ //g'"), "lo\n");
      assert.equal((await within("cat /proc/net/route")).trim().split("\n").length, 1);
      assert.match(await within(connectInside('53, "192.0.2.1"')), /ENETUNREACH/);
      const own = `/.farhand/node -e 'const s = require("node:net").createServer((c) => c.end("mine")).listen(0, "127.0.0.1", () => require("node:net").connect(s.address().port).on("end", () => s.close()).pipe(process.stdout))'`;
      assert.equal(await within(own), "mine", "control: loopback within works");
    });

    test("socket families other than local, internet and routing", async () => {
      const families = {
        AF_VSOCK: [40, 1, 0],
        AF_ALG: [38, 5, 0],
        AF_PACKET: [17, 3, 0],
        AF_KEY: [15, 3, 2],
        AF_BLUETOOTH: [31, 1, 0],
      } as const;
      let controls = 0;
      for (const [family, [domain, type, protocol]] of Object.entries(families)) {
        assert.equal(await within(socket(domain, type, protocol)), "97", family);
        if ((await outside(socket(domain, type, protocol))) === "0") controls++;
      }
      assert.ok(controls > 0, "control: one of them works outside");
      assert.equal(await within(socket(2, 3, 1)), "1", "raw");
      assert.equal(await within(socket(16, 3, 15)), "1", "netlink other than routing");
      assert.equal(await within(socket(16, 3, 0)), "0", "control: netlink routing");
      assert.equal(await within(socket(2, 1)), "0", "control: TCP");
    });

    test("system calls that are refused", async () => {
      for (const [what, script] of Object.entries(REFUSED_CALLS)) {
        assert.equal(await within(script), "1", what);
        if (isRoot) assert.notEqual(await outside(script), "1", `control: ${what}`);
      }
      assert.equal(await within(call(435, 435, 0, 0)), "38", "clone3: not implemented");
      assert.notEqual(await outside(call(435, 435, 0, 0)), "38", "control: clone3");
    });

    test("rights, user and filter", async () => {
      const status = await within("cat /proc/self/status");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(status, new RegExp(`^${set}:\\s+0+$`, "m"));
      assert.match(status, /^NoNewPrivs:\s+1$/m);
      assert.match(status, /^Seccomp:\s+2$/m);
      assert.match(status, /^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
      assert.doesNotMatch(await outside("cat /proc/self/status"), /^Seccomp:\s+2$/m, "control");
      assert.equal(await within("id -un; hostname"), "agent\nsandbox\n");
    });

    test("namespaces and mounts", async () => {
      const mounting = "-- sh -c 'mount -t tmpfs none /mnt && echo mounted'";
      for (const flags of ["-m", "-Urm", "-Ur", "-n", "-p -f", "-Un", "-UC"]) {
        assert.match(await within(`unshare ${flags} ${mounting}`), /not permitted/, flags);
      }
      assert.equal(await outside(`unshare ${isRoot ? "-m" : "-Urm"} ${mounting}`), "mounted\n", "control");
      assert.match(await within("mount -o remount,rw /usr; mount --bind /tmp /usr"), /(denied|not permitted|superuser)/);
      await within("umount -l /usr; umount -l /proc; umount -l /");
      assert.equal(await within("grep -c ' /usr [a-z0-9]* ro,' /proc/mounts"), "1\n");
      const mounts = (await within("cat /proc/self/mounts"))
        .trim()
        .split("\n")
        .map((line) => line.split(" "));
      for (const [, at = "", , options = ""] of mounts) assert.ok(options.split(",").includes("nosuid"), `${at} is ${options}`);
      assert.ok(!mounts.flat().join(" ").includes(host.home), "no path of the host is seen");
    });

    test("what is not its own is read-only", async () => {
      const write = (path: string) => `echo x 2>/dev/null >> ${path} && echo written to ${path}`;
      const paths = [
        "/usr/x",
        "/usr/bin/env",
        "/.farhand/agent",
        "/.farhand/node",
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/domainname",
        "/proc/sys/vm/drop_caches",
      ];
      for (const path of paths) assert.ok(!(await within(`${write(path)}; echo tried`)).includes("written"), path);
      assert.match(await within(write("/workspace/x")), /written/, "control");
      assert.match(await within("rm -rf /usr/bin/env /proc/sys 2>/dev/null; ls /usr/bin/env"), /^\/usr\/bin\/env$/m);
    });

    test("devices", async () => {
      assert.match(await within("mknod /tmp/disk b 8 0"), /not permitted/);
      if (isRoot) assert.equal(await outside(`mknod ${directory}/disk b 8 0 && echo made; rm -f ${directory}/disk`), "made\n", "control");
      const known = "console core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".split(" ");
      assert.deepEqual(
        (await within("ls /dev")).split("\n").filter((entry) => entry !== "" && !known.includes(entry)),
        [],
      );
      assert.match(await within("ls /sys/class"), /No such file/);
      assert.doesNotMatch(await outside("ls /sys/class"), /No such file/, "control");
    });

    test("setuid programs gain nothing", async () => {
      const become = "cp /usr/bin/id /workspace/id && chmod 6755 /workspace/id && /workspace/id -u";
      assert.equal(await within(become), "1000\n");
      assert.equal(await within("perl -e '$> = 0; $< = 0; print $>, $<'"), "10001000");
      if (isRoot) assert.equal(await outside("perl -e '$> = 1; print $>; $> = 0; print $>'"), "10", "control");
    });

    test("the channel to the worker", async () => {
      const open = await within("ls /proc/self/fd");
      assert.deepEqual(open.trim().split("\n"), ["0", "1", "2", "3"], "3 is that of the listing");
      for (const pid of [1, 2]) {
        const links = await within(`for f in /proc/${pid}/fd/*; do readlink $f; done`);
        assert.doesNotMatch(links, new RegExp(`${host.home}|${directory}|/work|\\.log`));
        assert.doesNotMatch(
          await within(
            `for f in /proc/${pid}/fd/*; do case $(readlink $f) in socket*) echo x 2>/dev/null > $f && echo written;; esac; done; true`,
          ),
          /written/,
        );
      }
    });
  });
}
