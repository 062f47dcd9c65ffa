import pino, { type Logger } from "pino";
import type { Config } from "./config.ts";

const NAMES: Readonly<Record<number, string>> = { 40: "warning: ", 50: "error: ", 60: "fatal: " };

/** The log of one process, to standard error: a line of JSON for each event, or a short line for people where that is a terminal. */
export function openLog(name: string, level: Config["logLevel"]): Logger {
  // Not pino.destination: where its lines cannot be written, it keeps the process from ending.
  return pino({ level, name }, process.stderr.isTTY ? forPeople() : process.stderr);
}

function forPeople(): { write(line: string): void } {
  return {
    write(line) {
      const { level, name, msg, err } = JSON.parse(line) as {
        level: number;
        name: string;
        msg?: string;
        err?: { message?: string; stack?: string };
      };
      const what = [msg, level >= 50 ? err?.stack : err?.message].filter(Boolean).join(": ");
      process.stderr.write(`[${name}] ${NAMES[level] ?? ""}${what.replace(/[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]/g, "\ufffd")}\n`);
    },
  };
}
