// @ts-check
"use strict";
/**
 * Lives in the sandbox and runs commands for the worker, which speaks to it over standard input and output (see frames.ts for the
 * wire format). Plain CommonJS without dependencies, since how fast it starts is how fast a sandbox is ready. The worker trusts
 * nothing that comes from here: any process of the sandbox can kill or trace this one.
 */
const fs = require("node:fs");
const net = require("node:net");
const { constants } = require("node:os");
const { spawn, spawnSync } = require("node:child_process");

const EXEC = 1;
const STDIN = 2;
const STDIN_END = 3;
const SIGNAL = 4;
const CREDIT = 5;
const HELLO = 16;
const STDOUT = 17;
const STDERR = 18;
const EXITED = 19;
const DONE = 20;
const STDIN_CREDIT = 21;
const STDIN_CLOSED = 22;

/** The port is that of egress/variables.ts. */
const RELAY = { host: "127.0.0.1", port: 3128 };
const DOOR = "/.farhand/door";

const MAX_PAYLOAD = 64 * 1024;
/** The most that a pipe can hold for an ordinary user, so the most that a command can have left in one when it ends. */
const PIPE_CAPACITY = 1024 * 1024;
const PIPES_AHEAD = 30;
const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;

/**
 * @typedef {{ argv: string[], cwd: string, env: Record<string, string>, stdin: boolean, window: number }} Spec
 * @typedef {{ id: number, pid: number, ended: boolean, credit: number, waiting: [number, Buffer][], sockets: net.Socket[],
 *   input: net.Socket | null }} Running
 */

/** @type {Map<number, Running>} */
const running = new Map();
const channel = new net.Socket({ fd: 1, readable: false, writable: true });
channel.on("error", () => process.exit(0));

/** @param {number} type @param {number} id @param {Uint8Array} payload */
function send(type, id, payload) {
  const head = Buffer.allocUnsafe(9);
  head.writeUInt32LE(5 + payload.length, 0);
  head.writeUInt8(type, 4);
  head.writeUInt32LE(id, 5);
  channel.cork();
  channel.write(head);
  if (payload.length > 0) channel.write(payload);
  channel.uncork();
}

const NOTHING = Buffer.alloc(0);

/** @param {number} value */
function u32(value) {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32LE(value, 0);
  return bytes;
}

// Node gives children sockets, and then `echo > /dev/stderr` fails in them. Named pipes, unlinked once open, are as good as real
// ones but for this: /dev/stdin opened by name after the worker has ended the input waits for ever (descriptor 0 itself does not).
/** @type {string[]} */
const pipes = [];
let pipeNumber = 0;
let refilling = false;

const newNames = (/** @type {number} */ count) => Array.from({ length: count }, () => `/run/.farhand-${process.pid}-${pipeNumber++}`);

function refill() {
  if (refilling || pipes.length >= PIPES_AHEAD / 2) return;
  refilling = true;
  const names = newNames(PIPES_AHEAD);
  const maker = spawn("mkfifo", ["-m", "600", ...names], { stdio: "ignore" });
  maker.on("error", () => {
    refilling = false;
  });
  maker.on("exit", (code) => {
    refilling = false;
    if (code === 0) pipes.push(...names);
  });
}

function nextPipe() {
  const name = pipes.pop();
  if (name !== undefined) return name;
  const names = newNames(3);
  const { status } = spawnSync("mkfifo", ["-m", "600", ...names], { stdio: "ignore" });
  if (status !== 0) throw new Error("no pipe can be made");
  pipes.push(...names.slice(1));
  return /** @type {string} */ (names[0]);
}

/** Opens one pipe. The worker's end does not block, the command's end does. @param {"from" | "to"} direction */
function openPipe(direction) {
  const name = nextPipe();
  /** @type {number[]} */
  const opened = [];
  const open = (/** @type {number} */ flags) => {
    const fd = fs.openSync(name, flags | O_NOFOLLOW);
    opened.push(fd);
    return fd;
  };
  try {
    const first = open(O_RDONLY | O_NONBLOCK);
    if (direction === "from") return { ours: first, theirs: open(O_WRONLY) };
    const ours = open(O_WRONLY | O_NONBLOCK);
    const theirs = open(O_RDONLY);
    fs.closeSync(first);
    return { ours, theirs };
  } catch (error) {
    for (const fd of opened) fs.closeSync(fd);
    throw error;
  } finally {
    fs.unlinkSync(name);
  }
}

// So that the kernel, out of memory, ends a command and not this process. Children have the value that this process has when it forks.
const oom = fs.openSync("/proc/self/oom_score_adj", "r+");
const oomBefore = fs.readFileSync(oom, "latin1").trim();

/** @param {number} id @param {Spec} spec */
function start(id, spec) {
  /** @type {number[]} */
  const theirs = [];
  /** @type {number[]} */
  const ours = [];
  let child;
  try {
    for (const direction of /** @type {const} */ (["to", "from", "from"])) {
      if (direction === "to" && !spec.stdin) continue;
      const pipe = openPipe(direction);
      theirs.push(pipe.theirs);
      ours.push(pipe.ours);
    }
    const stdio = /** @type {import("node:child_process").StdioOptions} */ (spec.stdin ? theirs : ["ignore", ...theirs]);
    fs.writeSync(oom, "500", 0);
    try {
      child = spawn(/** @type {string} */ (spec.argv[0]), spec.argv.slice(1), { cwd: spec.cwd, env: spec.env, stdio, detached: true });
    } finally {
      fs.writeSync(oom, oomBefore, 0);
    }
  } catch (error) {
    for (const fd of ours) fs.closeSync(fd);
    refuse(id, spec, /** @type {NodeJS.ErrnoException} */ (error));
    return;
  } finally {
    for (const fd of theirs) fs.closeSync(fd);
    refill();
  }
  if (child.pid === undefined) {
    for (const fd of ours) fs.closeSync(fd);
    child.on("error", (error) => refuse(id, spec, error));
    return;
  }
  child.on("error", () => {});
  const [inputFd, ...outputs] = /** @type {[number, number, number]} */ (spec.stdin ? ours : [-1, ...ours]);
  const input = spec.stdin ? new net.Socket({ fd: inputFd, readable: false, writable: true }) : null;
  const sockets = outputs.map((fd) => new net.Socket({ fd, readable: true, writable: false }));
  /** @type {Running} */
  const command = { id, pid: child.pid, ended: false, credit: spec.window, waiting: [], sockets, input };
  running.set(id, command);
  sockets.forEach((socket, index) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (command.ended) return; // from a process left behind: read, so that it neither blocks nor dies of a closed pipe, and dropped
      command.waiting.push([STDOUT + index, bytes]);
      flush(command);
    });
  });
  input?.on("error", () => closeInput(command));
  child.on("exit", (code, signal) => {
    sockets.forEach((socket, index) => {
      drain(command, socket, /** @type {number} */ (outputs[index]), STDOUT + index);
    });
    command.ended = true;
    closeInput(command);
    send(EXITED, id, Buffer.from(signal === null ? [0, code ?? 0] : [1, constants.signals[signal] ?? 9]));
    flush(command);
  });
}

/** Takes what is in the pipe at this moment. @param {Running} command @param {net.Socket} socket @param {number} fd @param {number} type */
function drain(command, socket, fd, type) {
  socket.pause();
  while (socket.read() !== null); // hands the bytes to the listener above
  let left = PIPE_CAPACITY;
  while (left > 0 && !socket.destroyed && !socket.readableEnded) {
    const bytes = Buffer.allocUnsafe(MAX_PAYLOAD);
    let length = 0;
    try {
      length = fs.readSync(fd, bytes);
    } catch {
      return; // empty
    }
    if (length === 0) return;
    left -= length;
    command.waiting.push([type, bytes.subarray(0, length)]);
  }
}

/** Sends as much as the worker has room for; then the command has to wait. @param {Running} command */
function flush(command) {
  while (command.waiting.length > 0 && command.credit > 0) {
    const [type, bytes] = /** @type {[number, Buffer]} */ (command.waiting[0]);
    const part = bytes.subarray(0, Math.min(command.credit, MAX_PAYLOAD));
    command.credit -= part.length;
    send(type, command.id, part);
    if (part.length === bytes.length) command.waiting.shift();
    else command.waiting[0] = [type, bytes.subarray(part.length)];
  }
  const held = command.waiting.length > 0 && !command.ended;
  for (const socket of command.sockets) held ? socket.pause() : socket.resume();
  if (command.ended && command.waiting.length === 0 && running.delete(command.id)) send(DONE, command.id, NOTHING);
}

/** @param {Running} command */
function closeInput(command) {
  if (command.input === null) return;
  command.input.destroy();
  command.input = null;
  send(STDIN_CLOSED, command.id, NOTHING);
}

/** As a shell would: a message on standard error, and 127 or 126. @param {number} id @param {Spec} spec @param {NodeJS.ErrnoException} error */
function refuse(id, spec, error) {
  const missing = error.code === "ENOENT" || error.code === "ENOTDIR";
  const directory = missing && !fs.existsSync(spec.cwd);
  const text = directory
    ? `${spec.cwd}: no such directory`
    : `${spec.argv[0]}: ${missing ? "not found" : `cannot be run (${error.code ?? error.message})`}`;
  if (spec.stdin) send(STDIN_CLOSED, id, NOTHING);
  send(STDERR, id, Buffer.from(`${text}\n`).subarray(0, 4096));
  send(EXITED, id, Buffer.from([0, missing && !directory ? 127 : 126]));
  send(DONE, id, NOTHING);
}

/** @param {number} type @param {number} id @param {Buffer} payload */
function receive(type, id, payload) {
  if (type === EXEC) {
    start(id, JSON.parse(payload.toString()));
    return;
  }
  const command = running.get(id);
  if (command === undefined) return; // it ended while this was on its way
  if (type === CREDIT) {
    command.credit += payload.readUInt32LE(0);
    flush(command);
  } else if (type === SIGNAL && !command.ended) {
    try {
      process.kill(-command.pid, payload.toString("latin1"));
    } catch {
      // gone
    }
  } else if (type === STDIN) {
    command.input?.write(payload, (error) => {
      if (!error && command.input !== null) send(STDIN_CREDIT, id, u32(payload.length));
    });
  } else if (type === STDIN_END) command.input?.end();
}

// What bubblewrap was started with and passed on; commands inherit what this process has open without the close-on-exec flag.
for (const name of fs.readdirSync("/proc/self/fd")) {
  const fd = Number(name);
  try {
    const flags = /^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"));
    if (fd > 2 && flags !== null && (Number.parseInt(/** @type {string} */ (flags[1]), 8) & 0o2000000) === 0) fs.closeSync(fd);
  } catch {
    // the descriptor of the listing itself
  }
}

const worker = new net.Socket({ fd: 0, readable: true, writable: false });
let unread = NOTHING;
worker.on("data", (bytes) => {
  unread = unread.length === 0 ? bytes : Buffer.concat([unread, bytes]);
  while (unread.length >= 4) {
    const end = 4 + unread.readUInt32LE(0);
    if (unread.length < end) break;
    receive(unread.readUInt8(4), unread.readUInt32LE(5), unread.subarray(9, end));
    unread = unread.subarray(end);
  }
});
worker.on("error", () => process.exit(0));
worker.on("end", () => process.exit(0));

/** The sandbox has a network of its own, with nothing in it; the door is a socket of the worker's. It says there what is refused. @param {() => void} ready */
function openRelay(ready) {
  const relay = net.createServer({ allowHalfOpen: true }, (inside) => {
    const door = net.connect({ path: DOOR, allowHalfOpen: true });
    const ways = /** @type {const} */ ([
      [inside, door],
      [door, inside],
    ]);
    for (const [one, other] of ways) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroySoon());
    }
  });
  relay.on("error", (error) => {
    process.stderr.write(`the relay cannot listen: ${error.message}\n`);
    process.exit(1);
  });
  relay.listen(RELAY, ready);
}

const greet = () => send(HELLO, 0, NOTHING);
if (process.argv[2] === "door") openRelay(greet);
else greet();
refill();
