import assert from "node:assert/strict";
import { test } from "node:test";
import { SandboxUnavailable } from "../sandbox.ts";
import { seccompFilter } from "./seccomp.ts";

/** Runs the filter as the kernel would. Only the instructions that a filter of ours has. */
function decide(filter: Uint8Array, audit: number, number: number, args: readonly number[] = []): string {
  const program = new DataView(filter.buffer, filter.byteOffset, filter.length);
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, audit, true);
  args.forEach((value, index) => {
    data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, BigInt(value)), true);
  });
  let accumulator = 0;
  for (let at = 0; at < filter.length / 8; at++) {
    const [code, yes, no, value] = [
      program.getUint16(8 * at, true),
      program.getUint8(8 * at + 2),
      program.getUint8(8 * at + 3),
      program.getUint32(8 * at + 4, true),
    ];
    const jump = (condition: boolean) => {
      at += condition ? yes : no;
    };
    if (code === 0x20) accumulator = data.getUint32(value, true);
    else if (code === 0x54) accumulator = (accumulator & value) >>> 0;
    else if (code === 0x05) at += value;
    else if (code === 0x15) jump(accumulator === value);
    else if (code === 0x35) jump(accumulator >= value);
    else if (code === 0x45) jump((accumulator & value) !== 0);
    else if (code === 0x06) return value === 0x7fff0000 ? "allow" : value === 0x80000000 ? "kill" : `errno ${value & 0xffff}`;
    else assert.fail(`instruction ${code}`);
  }
  return assert.fail("the program has no end");
}

const X64 = 0xc000003e;
const ARM64 = 0xc00000b7;

test("x86_64: what is refused, and how", () => {
  const x64 = (number: number, ...args: number[]) => decide(seccompFilter("x64"), X64, number, args);
  assert.equal(x64(0), "allow"); // read
  assert.equal(x64(59), "allow"); // execve
  assert.equal(x64(165), "errno 1"); // mount
  assert.equal(x64(321), "errno 1"); // bpf
  assert.equal(x64(425), "errno 1"); // io_uring_setup
  assert.equal(x64(435), "errno 38"); // clone3
  assert.equal(x64(0x40000000 + 59), "errno 38"); // x32
  assert.equal(x64(0xffffffff), "errno 38");
  assert.equal(x64(56, 0x01200011), "allow"); // fork
  assert.equal(x64(56, 0x003d0f00), "allow"); // a thread
  for (const flag of [0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
    assert.equal(x64(56, flag | 17), "errno 1");
    assert.equal(x64(272, flag), "errno 1");
  }
  assert.equal(x64(272, 0x80), "errno 1"); // unshare(CLONE_NEWTIME)
  assert.equal(x64(272, 0x400), "allow"); // unshare(CLONE_FILES)
  assert.equal(x64(16, 0, 0x5412), "errno 1"); // TIOCSTI
  assert.equal(x64(16, 0, 0x541c), "errno 1"); // TIOCLINUX
  assert.equal(x64(16, 0, 0x100000000 * 7 + 0x5412), "errno 1"); // the kernel looks at 32 bits
  assert.equal(x64(16, 0, 0x5401), "allow"); // TCGETS
});

test("x86_64: sockets", () => {
  const socket = (...args: number[]) => decide(seccompFilter("x64"), X64, 41, args);
  assert.equal(socket(1, 1, 0), "allow");
  assert.equal(socket(2, 1 | 0o2000000 | 0o4000, 6), "allow");
  assert.equal(socket(10, 2, 0), "allow");
  assert.equal(socket(2, 3, 1), "errno 1"); // raw
  assert.equal(socket(10, 3 | 0o2000000, 58), "errno 1");
  assert.equal(socket(2, 10, 0), "errno 1"); // SOCK_PACKET
  assert.equal(socket(16, 3, 0), "allow"); // routing
  assert.equal(socket(16, 3, 12), "errno 1"); // netfilter
  for (const family of [0, 3, 9, 15, 17, 21, 29, 30, 31, 38, 40, 44, 0xffffffff]) assert.equal(socket(family, 1, 0), "errno 97");
  assert.equal(decide(seccompFilter("x64"), X64, 53, [1, 1, 0]), "allow"); // socketpair
  assert.equal(decide(seccompFilter("x64"), X64, 53, [16, 1, 0]), "errno 97");
});

test("aarch64 has its own numbers", () => {
  const arm64 = (number: number, ...args: number[]) => decide(seccompFilter("arm64"), ARM64, number, args);
  assert.equal(arm64(63), "allow"); // read
  assert.equal(arm64(40), "errno 1"); // mount
  assert.equal(arm64(165), "allow"); // getrusage: x86_64's mount
  assert.equal(arm64(220, 0x10000000), "errno 1"); // clone
  assert.equal(arm64(97, 0x10000000), "errno 1"); // unshare
  assert.equal(arm64(198, 17, 3, 0), "errno 97");
  assert.equal(arm64(435), "errno 38");
});

test("calls of another machine's numbering kill; an unknown machine gets no sandbox", () => {
  assert.equal(decide(seccompFilter("x64"), 0x40000003, 21), "kill"); // i386's mount by int 0x80
  assert.equal(decide(seccompFilter("arm64"), X64, 165), "kill");
  assert.throws(() => seccompFilter("riscv64"), SandboxUnavailable);
});
