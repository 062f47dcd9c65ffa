/** A piece of a line with the class of its kind of word; "" = none. */
export type Coloured = { text: string; style: string };

/** To the worker: the old or the new side of each hunk of a file. */
export type ColourRequest = { id: number; language: string; texts: string[] };
/** From the worker: lines of pieces, for each text. */
export type ColourAnswer = { id: number; lines: Coloured[][][] };

// biome-ignore format: a table
const LANGUAGES: Record<string, string> = {
  ts: "typescript", tsx: "typescript", mts: "typescript", cts: "typescript", js: "javascript", jsx: "javascript", mjs: "javascript", cjs: "javascript",
  json: "json", css: "css", scss: "scss", less: "less", html: "xml", xml: "xml", svg: "xml", vue: "xml", py: "python", rb: "ruby", go: "go",
  rs: "rust", java: "java", kt: "kotlin", swift: "swift", c: "c", h: "c", cc: "cpp", cpp: "cpp", hpp: "cpp", cs: "csharp", php: "php", sh: "bash", bash: "bash",
  sql: "sql", yml: "yaml", yaml: "yaml", toml: "ini", ini: "ini", lua: "lua", pl: "perl", r: "r", mk: "makefile", graphql: "graphql",
};

/** The language of a file by its name; null = none that we know. */
export function languageOf(path: string): string | null {
  const name = path.split("/").at(-1) ?? "";
  if (/^makefile$/i.test(name)) return "makefile";
  const ending = name.includes(".") ? (name.split(".").at(-1) ?? "").toLowerCase() : "";
  return Object.hasOwn(LANGUAGES, ending) ? (LANGUAGES[ending] ?? null) : null;
}
