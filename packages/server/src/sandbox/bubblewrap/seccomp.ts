import { SandboxUnavailable } from "../sandbox.ts";

type Calls = Readonly<Record<string, number>>;
type Machine = { audit: number; foreignFrom: number | null; calls: Calls };

/** What no build or test needs, and what attacks on the kernel and its other tenants begin with. By x86_64 and aarch64 number; null = no such call. */
const REFUSED: readonly (readonly [string, number | null, number | null])[] = [
  ["setns", 308, 268],
  ["mount", 165, 40],
  ["umount2", 166, 39],
  ["pivot_root", 155, 41],
  ["chroot", 161, 51],
  ["open_tree", 428, 428],
  ["move_mount", 429, 429],
  ["fsopen", 430, 430],
  ["fsconfig", 431, 431],
  ["fsmount", 432, 432],
  ["fspick", 433, 433],
  ["mount_setattr", 442, 442],
  ["open_tree_attr", 467, 467],
  ["bpf", 321, 280],
  ["perf_event_open", 298, 241],
  ["userfaultfd", 323, 282],
  ["io_uring_setup", 425, 425],
  ["io_uring_enter", 426, 426],
  ["io_uring_register", 427, 427],
  ["keyctl", 250, 219],
  ["add_key", 248, 217],
  ["request_key", 249, 218],
  ["kexec_load", 246, 104],
  ["kexec_file_load", 320, 294],
  ["init_module", 175, 105],
  ["finit_module", 313, 273],
  ["delete_module", 176, 106],
  ["pidfd_getfd", 438, 438],
  ["kcmp", 312, 272],
  ["open_by_handle_at", 304, 265],
  ["quotactl", 179, 60],
  ["quotactl_fd", 443, 443],
  ["swapon", 167, 224],
  ["swapoff", 168, 225],
  ["reboot", 169, 142],
  ["acct", 163, 89],
  ["settimeofday", 164, 170],
  ["clock_settime", 227, 112],
  ["syslog", 103, 116],
  ["lookup_dcookie", 212, 18],
  ["vhangup", 153, 58],
  ["iopl", 172, null],
  ["ioperm", 173, null],
  ["fanotify_init", 300, 262],
  ["sethostname", 170, 161],
  ["setdomainname", 171, 162],
  ["nfsservctl", 180, 42],
  ["uselib", 134, null],
  ["sysfs", 139, null],
];

const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    audit: 0xc000003e,
    foreignFrom: 0x40000000, // the x32 calls
    calls: { clone: 56, clone3: 435, unshare: 272, socket: 41, socketpair: 53, ioctl: 16 },
  },
  arm64: { audit: 0xc00000b7, foreignFrom: null, calls: { clone: 220, clone3: 435, unshare: 97, socket: 198, socketpair: 199, ioctl: 29 } },
};

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const refuse = (errno: number) => 0x00050000 | errno;

/** Every CLONE_NEW* flag that clone takes; unshare knows CLONE_NEWTIME too. */
const NEW_NAMESPACES = 0x7e020000;
const NEW_TIME = 0x80;
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK] = [1, 2, 10, 16];
const SOCK_RAW = 3;
const SOCK_PACKET = 10;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, value: number];
const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const and = (mask: number): Instruction => [0x54, 0, 0, mask];
const give = (value: number): Instruction => [0x06, 0, 0, value];
/** Skips `block` unless the accumulator equals / is at least / has a bit of the value. Blocks are far shorter than a jump's 255. */
const whenEqual = (value: number, block: readonly Instruction[]): Instruction[] => [[0x15, 0, block.length, value], ...block];
const whenAtLeast = (value: number, block: readonly Instruction[]): Instruction[] => [[0x35, 0, block.length, value], ...block];
const whenAny = (bits: number, block: readonly Instruction[]): Instruction[] => [[0x45, 0, block.length, bits], ...block];

const NUMBER = load(0);
const ARCHITECTURE = load(4);
/** The low half of an argument: flags, families and requests are 32 bits wide, and the kernel ignores the rest. */
const argument = (index: number) => load(16 + 8 * index);

/**
 * The system call filter as the kernel takes it (an array of struct sock_filter). Refused calls fail with EPERM; clone3, whose flags a
 * filter cannot see, with ENOSYS, at which C libraries fall back to clone. Throws SandboxUnavailable on a machine that it does not know.
 */
export function seccompFilter(arch: string = process.arch): Uint8Array {
  const machine = MACHINES[arch];
  if (machine === undefined) throw new SandboxUnavailable(`there is no system call filter for ${arch} machines: use x86_64 or aarch64`);
  const call = (name: string, block: readonly Instruction[]) => whenEqual(machine.calls[name] as number, block);
  const program: Instruction[] = [
    ARCHITECTURE,
    ...whenEqual(machine.audit, [[0x05, 0, 0, 1]]), // jumps over the next
    give(KILL_PROCESS),
    NUMBER,
    ...(machine.foreignFrom === null ? [] : whenAtLeast(machine.foreignFrom, [give(refuse(ENOSYS))])),
    ...call("clone3", [give(refuse(ENOSYS))]),
    ...call("clone", [argument(0), ...whenAny(NEW_NAMESPACES, [give(refuse(EPERM))]), give(ALLOW)]),
    ...call("unshare", [argument(0), ...whenAny(NEW_NAMESPACES | NEW_TIME, [give(refuse(EPERM))]), give(ALLOW)]),
    ...call("ioctl", [
      argument(1),
      ...whenEqual(TIOCSTI, [give(refuse(EPERM))]),
      ...whenEqual(TIOCLINUX, [give(refuse(EPERM))]),
      give(ALLOW),
    ]),
    ...call("socketpair", [argument(0), ...whenEqual(AF_UNIX, [give(ALLOW)]), give(refuse(EAFNOSUPPORT))]),
    ...call("socket", [
      argument(0),
      ...whenEqual(AF_UNIX, [give(ALLOW)]),
      ...whenEqual(AF_NETLINK, [argument(2), ...whenEqual(0, [give(ALLOW)]), give(refuse(EPERM))]), // NETLINK_ROUTE only
      ...whenEqual(AF_INET, inetSocket),
      ...whenEqual(AF_INET6, inetSocket),
      give(refuse(EAFNOSUPPORT)),
    ]),
    ...REFUSED.flatMap(([, x64, arm64]) => {
      const number = arch === "x64" ? x64 : arm64;
      return number === null ? [] : whenEqual(number, [give(refuse(EPERM))]);
    }),
    give(ALLOW),
  ];
  const bytes = new DataView(new ArrayBuffer(8 * program.length));
  program.forEach(([code, jumpTrue, jumpFalse, value], index) => {
    bytes.setUint16(8 * index, code, true);
    bytes.setUint8(8 * index + 2, jumpTrue);
    bytes.setUint8(8 * index + 3, jumpFalse);
    bytes.setUint32(8 * index + 4, value >>> 0, true);
  });
  return new Uint8Array(bytes.buffer);
}

const inetSocket: readonly Instruction[] = [
  argument(1),
  and(0xf), // without SOCK_CLOEXEC and SOCK_NONBLOCK
  ...whenEqual(SOCK_RAW, [give(refuse(EPERM))]),
  ...whenEqual(SOCK_PACKET, [give(refuse(EPERM))]),
  give(ALLOW),
];
