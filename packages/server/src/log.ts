import pino from "pino";
import type { Config } from "./config.ts";

const NAMES: Record<number, string> = { 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal" };

/** The log of one process, on standard error: JSON lines, or short ones for a person where that is a terminal. */
export function openLog(name: string, level: Config["logLevel"]): pino.Logger {
  if (!process.stderr.isTTY) return pino({ level, name }, pino.destination({ dest: 2, sync: true }));
  return pino({ level, name }, { write: (line: string) => void process.stderr.write(`${forPeople(line)}\n`) });
}

/** One JSON line of the log in short: time, level, where it is not the usual one, and message. */
export function forPeople(line: string): string {
  const { time, level, name, msg, err } = JSON.parse(line) as {
    time: number;
    level: number;
    name: string;
    msg?: string;
    err?: { message?: string };
  };
  const clock = new Date(time).toTimeString().slice(0, 8);
  const text = [msg, err?.message].filter(Boolean).join(": ");
  return `${clock} ${name}${level === 30 ? "" : ` ${NAMES[level] ?? level}`}: ${text}`;
}
