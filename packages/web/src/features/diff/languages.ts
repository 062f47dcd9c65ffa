// biome-ignore format: a table
const LANGUAGES: Record<string, string> = {
  ts: "typescript", tsx: "typescript", mts: "typescript", cts: "typescript", js: "javascript", jsx: "javascript", mjs: "javascript", cjs: "javascript",
  md: "markdown", markdown: "markdown", mdx: "markdown", diff: "diff", patch: "diff", dart: "dart", scala: "scala", hs: "haskell", ex: "elixir", exs: "elixir",
  clj: "clojure", m: "objectivec", proto: "protobuf", ps1: "powershell", gradle: "groovy", groovy: "groovy", nix: "nix", vim: "vim", tex: "latex",
  dockerfile: "dockerfile", cmake: "cmake", properties: "properties", env: "properties", conf: "ini", zsh: "bash", svelte: "xml", astro: "xml", jl: "julia",
  json: "json", css: "css", scss: "scss", less: "less", html: "xml", xml: "xml", svg: "xml", vue: "xml", py: "python", rb: "ruby", go: "go",
  rs: "rust", java: "java", kt: "kotlin", swift: "swift", c: "c", h: "c", cc: "cpp", cpp: "cpp", hpp: "cpp", cs: "csharp", php: "php", sh: "bash", bash: "bash",
  sql: "sql", yml: "yaml", yaml: "yaml", toml: "ini", ini: "ini", lua: "lua", pl: "perl", r: "r", mk: "makefile", graphql: "graphql",
};

/** The language of a file by its name; null = none that we know. */
export function languageOf(path: string): string | null {
  const name = path.split("/").at(-1) ?? "";
  if (/^(gnu)?makefile$/i.test(name)) return "makefile";
  if (/^(docker|container)file(\.|$)/i.test(name)) return "dockerfile";
  if (name === "CMakeLists.txt") return "cmake";
  const ending = name.includes(".") ? (name.split(".").at(-1) ?? "").toLowerCase() : "";
  return Object.hasOwn(LANGUAGES, ending) ? (LANGUAGES[ending] ?? null) : null;
}
