import type { ChildProcess } from "node:child_process";

export type Child = {
  /** Asks it to end, waits, and kills its whole process group at the deadline. Afterwards it is gone and stays so. */
  stop(deadlineMs: number): Promise<void>;
};

type ChildOptions = {
  /** What to call it in a message. */
  name: string;
  launch: () => ChildProcess;
  say: (line: string) => void;
  /** Asked after each unexpected end, with the number of ends in a row: is it to be started again? */
  again: (why: string, inARow: number) => boolean;
};

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const GOOD_LIFE_MS = 30_000;

/** How long to wait before the next start: longer each time it did not live long. */
export function pauseMs(inARow: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (inARow - 1), LONGEST_PAUSE_MS);
}

/** Starts the process, and again whenever it ends, until stopped. It must lead a process group of its own. */
export function keepRunning({ name, launch, say, again }: ChildOptions): Child {
  let stopping = false;
  let inARow = 0;
  let timer: NodeJS.Timeout | undefined;
  let process: ChildProcess | null = null;
  let ended: Promise<void> = Promise.resolve();

  function start(): void {
    const since = performance.now();
    let launched: ChildProcess;
    try {
      launched = launch();
    } catch (error) {
      restart((error as Error).message, 0); // as where memory is short
      return;
    }
    process = launched;
    ended = new Promise((done) => {
      const end = (why: string) => {
        done();
        if (!stopping) restart(why, performance.now() - since);
      };
      launched.once("exit", (code, signal) => end(signal ? `killed by ${signal}` : `exit code ${code}`));
      launched.once("error", (error) => launched.pid === undefined && end(error.message));
    });
  }

  function restart(why: string, livedMs: number): void {
    inARow = livedMs > GOOD_LIFE_MS ? 1 : inARow + 1;
    if (!again(why, inARow)) return;
    const pause = pauseMs(inARow);
    say(`The ${name} ended (${why}); starting it again in ${pause} ms`);
    timer = setTimeout(start, pause);
  }

  start();
  return {
    async stop(deadlineMs) {
      stopping = true;
      clearTimeout(timer);
      signalGroup(process, "SIGTERM", false);
      const kill = setTimeout(() => signalGroup(process, "SIGKILL", true), deadlineMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

function signalGroup(child: ChildProcess | null, signal: NodeJS.Signals, group: boolean): void {
  if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(group ? -child.pid : child.pid, signal);
  } catch {
    // it has ended already
  }
}
