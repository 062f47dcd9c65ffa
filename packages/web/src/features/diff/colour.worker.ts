import { common, createLowlight } from "lowlight";
import type { ColourAnswer, Coloured, ColourRequest } from "./colours.ts";

/** Finds the kinds of words in code, away from the page's own thread. It gets text and gives text. */
const lowlight = createLowlight(common);
type Tree = ReturnType<typeof lowlight.highlight>;
type Node = Tree["children"][number];

self.addEventListener("message", (event: MessageEvent<ColourRequest>) => {
  const { id, language, texts } = event.data;
  const lines = texts.map((text) => colour(language, text));
  self.postMessage({ id, lines } satisfies ColourAnswer);
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

const STYLES: Record<string, string> = {
  "hljs-keyword": "code-keyword", "hljs-built_in": "code-type", "hljs-type": "code-type", "hljs-literal": "code-number", "hljs-number": "code-number",
  "hljs-string": "code-string", "hljs-regexp": "code-string", "hljs-subst": "", "hljs-symbol": "code-number", "hljs-title": "code-name",
  "hljs-attr": "code-name", "hljs-attribute": "code-name", "hljs-property": "", "hljs-variable": "", "hljs-params": "", "hljs-comment": "code-comment",
  "hljs-quote": "code-comment", "hljs-doctag": "code-keyword", "hljs-meta": "code-comment", "hljs-tag": "", "hljs-name": "code-keyword",
  "hljs-selector-tag": "code-keyword", "hljs-selector-class": "code-name", "hljs-selector-id": "code-name", "hljs-section": "code-keyword",
  "hljs-bullet": "code-keyword", "hljs-code": "code-string", "hljs-link": "code-string",
}; // biome-ignore format: a table

function styleOf(className: unknown): string | undefined {
  for (const name of Array.isArray(className) ? className : []) if (Object.hasOwn(STYLES, String(name))) return STYLES[String(name)];
  return undefined;
}
