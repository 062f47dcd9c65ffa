import type { z } from "zod";

/** What this browser keeps of this service. A browser that refuses to store loses comfort only. */
export function readStored<S extends z.ZodType>(key: string, schema: S): z.output<S> | null {
  try {
    const parsed = schema.safeParse(JSON.parse(localStorage.getItem(`farhand.${key}`) ?? "null"));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Whether somebody was signed in here before, and something is known. */
export function hasStored(key: string): boolean {
  try {
    return localStorage.getItem(`farhand.${key}`) !== null;
  } catch {
    return false;
  }
}

export function writeStored(key: string, value: unknown): void {
  try {
    localStorage.setItem(`farhand.${key}`, JSON.stringify(value));
  } catch {} // full or forbidden
}

/** When somebody signs out: nothing of theirs stays. */
export function forgetStored(): void {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith("farhand.")) localStorage.removeItem(key);
  } catch {}
}
