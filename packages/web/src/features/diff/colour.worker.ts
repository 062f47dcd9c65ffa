import type { LanguageFn } from "highlight.js";
import { createLowlight } from "lowlight";
import type { ColourAnswer, Coloured, ColourRequest } from "./colours.ts";
import { languageOf } from "./languages.ts";

/** Finds the kinds of words in code, away from the page's own thread. It gets text and gives text. */
const lowlight = createLowlight();
type Tree = ReturnType<typeof lowlight.highlight>;
type Node = Tree["children"][number];

/** Each is fetched when the first file of its kind is opened. */
const GRAMMARS: Record<string, () => Promise<{ default: LanguageFn }>> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  clojure: () => import("highlight.js/lib/languages/clojure"),
  cmake: () => import("highlight.js/lib/languages/cmake"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  csharp: () => import("highlight.js/lib/languages/csharp"),
  css: () => import("highlight.js/lib/languages/css"),
  dart: () => import("highlight.js/lib/languages/dart"),
  diff: () => import("highlight.js/lib/languages/diff"),
  dockerfile: () => import("highlight.js/lib/languages/dockerfile"),
  elixir: () => import("highlight.js/lib/languages/elixir"),
  go: () => import("highlight.js/lib/languages/go"),
  graphql: () => import("highlight.js/lib/languages/graphql"),
  groovy: () => import("highlight.js/lib/languages/groovy"),
  haskell: () => import("highlight.js/lib/languages/haskell"),
  ini: () => import("highlight.js/lib/languages/ini"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  julia: () => import("highlight.js/lib/languages/julia"),
  kotlin: () => import("highlight.js/lib/languages/kotlin"),
  latex: () => import("highlight.js/lib/languages/latex"),
  less: () => import("highlight.js/lib/languages/less"),
  lua: () => import("highlight.js/lib/languages/lua"),
  makefile: () => import("highlight.js/lib/languages/makefile"),
  markdown: () => import("highlight.js/lib/languages/markdown"),
  nix: () => import("highlight.js/lib/languages/nix"),
  objectivec: () => import("highlight.js/lib/languages/objectivec"),
  perl: () => import("highlight.js/lib/languages/perl"),
  php: () => import("highlight.js/lib/languages/php"),
  powershell: () => import("highlight.js/lib/languages/powershell"),
  properties: () => import("highlight.js/lib/languages/properties"),
  protobuf: () => import("highlight.js/lib/languages/protobuf"),
  python: () => import("highlight.js/lib/languages/python"),
  r: () => import("highlight.js/lib/languages/r"),
  ruby: () => import("highlight.js/lib/languages/ruby"),
  rust: () => import("highlight.js/lib/languages/rust"),
  scala: () => import("highlight.js/lib/languages/scala"),
  scss: () => import("highlight.js/lib/languages/scss"),
  sql: () => import("highlight.js/lib/languages/sql"),
  swift: () => import("highlight.js/lib/languages/swift"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  vim: () => import("highlight.js/lib/languages/vim"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};

self.addEventListener("message", async (event: MessageEvent<ColourRequest>) => {
  const { id, path, texts } = event.data;
  const language = languageOf(path) ?? "";
  if (!lowlight.registered(language) && Object.hasOwn(GRAMMARS, language)) {
    const grammar = await GRAMMARS[language]?.().catch(() => null); // without it the lines stay plain
    if (grammar) lowlight.register(language, grammar.default);
  }
  self.postMessage({ id, lines: texts.map((text) => colour(language, text)) } satisfies ColourAnswer);
});

function colour(language: string, text: string): Coloured[][] {
  if (!lowlight.registered(language)) return [];
  const lines: Coloured[][] = [[]];
  const add = (value: string, style: string) => {
    for (const [at, part] of value.split("\n").entries()) {
      if (at > 0) lines.push([]);
      if (part !== "") lines.at(-1)?.push({ text: part, style });
    }
  };
  const walk = (nodes: readonly Node[], style: string): void => {
    for (const node of nodes) {
      if (node.type === "text") add(node.value, style);
      else if (node.type === "element") walk(node.children as Node[], styleOf(node.properties.className) ?? style);
    }
  };
  walk(lowlight.highlight(language, text).children, "");
  return lines;
}

// biome-ignore format: a table
const STYLES: Record<string, string> = {
  "hljs-keyword": "code-keyword", "hljs-built_in": "code-type", "hljs-type": "code-type", "hljs-literal": "code-number", "hljs-number": "code-number",
  "hljs-string": "code-string", "hljs-regexp": "code-string", "hljs-subst": "", "hljs-symbol": "code-number", "hljs-title": "code-name",
  "hljs-attr": "code-name", "hljs-attribute": "code-name", "hljs-property": "", "hljs-variable": "", "hljs-params": "", "hljs-comment": "code-comment",
  "hljs-quote": "code-comment", "hljs-doctag": "code-keyword", "hljs-meta": "code-comment", "hljs-tag": "", "hljs-name": "code-keyword",
  "hljs-selector-tag": "code-keyword", "hljs-selector-class": "code-name", "hljs-selector-id": "code-name", "hljs-section": "code-keyword",
  "hljs-bullet": "code-keyword", "hljs-code": "code-string", "hljs-link": "code-string", "hljs-addition": "code-string", "hljs-deletion": "code-number",
};

function styleOf(className: unknown): string | undefined {
  for (const name of Array.isArray(className) ? className : []) if (Object.hasOwn(STYLES, String(name))) return STYLES[String(name)];
  return undefined;
}
