import { createHash } from "node:crypto";
import type { NetworkPolicy } from "@farhand/protocol";

/** All that goes into what setup leaves, but the commit. Values are compared, never shown. */
export type SnapshotParts = {
  format: number;
  /** Of the image: what the host has installed. */
  image: string;
  driver: string;
  repository: string;
  folder: string;
  script: string;
  variables: Readonly<Record<string, string>>;
  /** Ids of the stored secrets, by name: a new value has a new id. */
  secrets: Readonly<Record<string, string>>;
  /** What the scripts may reach. A preset counts by its name. */
  network: NetworkPolicy;
  /** Versions that setup had to find. */
  toolchains: Readonly<Record<string, string>>;
  /** Contents of the files that automatic setup was found by. */
  foundBy: Readonly<Record<string, string>>;
  generation: number;
};

/** Hashes of the parts, in the order of `WORDS`: enough to tell which of them differ. */
export type PartHashes = Record<keyof SnapshotParts, string | number>;

const WORDS: Readonly<Record<keyof SnapshotParts, string>> = {
  generation: "it was reset",
  repository: "the environment has another repository",
  folder: "the environment has another repository",
  script: "the setup script was changed",
  variables: "the variables were changed",
  secrets: "the setup secrets were changed",
  toolchains: "the toolchains were changed",
  foundBy: "the files that setup was found by were changed",
  network: "the network of setup was changed",
  image: "the programs of the worker's machine were changed",
  driver: "the worker makes sandboxes in another way",
  format: "this version of Farhand keeps it in another way",
};

export function partHashes(parts: SnapshotParts): PartHashes {
  const hashes = Object.entries(parts).map(([name, value]) => [name, name === "generation" ? value : hash(sorted(value))]);
  return Object.fromEntries(hashes) as PartHashes;
}

/** Two snapshots of one family differ in their commit only. */
export function familyOf(hashes: PartHashes): string {
  return hash(Object.keys(WORDS).map((name) => hashes[name as keyof SnapshotParts]));
}

/** Why the newest snapshot that there is cannot serve; null = there is none. */
export function missInWords(newest: PartHashes | null, wanted: PartHashes): string {
  if (newest === null) return "nothing is kept on this worker yet";
  const names = Object.keys(WORDS) as (keyof SnapshotParts)[];
  const changed = names.filter((name) => newest[name] !== wanted[name]).map((name) => WORDS[name]);
  return changed.length === 0 ? "what was kept is not on the worker's disk any more" : [...new Set(changed)].join("; ");
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

const hash = (value: unknown) => createHash("sha256").update(JSON.stringify(value)).digest("hex");
