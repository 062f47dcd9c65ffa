export type FencedBlock = {
  /** First word of the info string, in lower case; empty if there is none. */
  language: string;
  text: string;
  /** Line of the opening fence, from 1. */
  line: number;
  /** false: the text ended before the closing fence. */
  closed: boolean;
};

/** Lists within lists are followed so far: a line of nothing but list markers must not cost the square of its length. */
const MOST_NESTED = 16;

/**
 * The fenced code blocks of a Markdown text, in order, by the rules of CommonMark: backticks or tildes, three or more, closed by at
 * least as many of the same; indented by up to three columns, or so against the list item that they stand in. Blocks inside a quotation
 * are left out: they are what somebody else said.
 */
export function fencedBlocks(markdown: string): FencedBlock[] {
  const lines = markdown.split(/\r\n|\n|\r/);
  const blocks: FencedBlock[] = [];
  let listColumns: number[] = []; // where the content of each enclosing list item begins
  for (let at = 0; at < lines.length; at += 1) {
    let line = expandIndent(lines[at] ?? "");
    if (line.trim() === "") continue;
    listColumns = listColumns.filter((column) => column <= indentOf(line));
    while (listColumns.length < MOST_NESTED) {
      const item = listItem(line);
      if (!item || indentOf(line) - (listColumns.at(-1) ?? 0) > 3) break;
      listColumns.push(item.column);
      line = `${" ".repeat(item.column)}${item.rest}`;
    }
    const deepest = (listColumns.at(-1) ?? 0) + 3;
    const opening = openingFence(line);
    if (!opening || opening.indent > deepest) continue;
    const first = at + 1;
    at = first;
    while (at < lines.length && !closes(expandIndent(lines[at] ?? ""), opening.fence, deepest)) at += 1;
    const content = lines.slice(first, at).map((inner) => withoutIndent(inner, opening.indent));
    blocks.push({ language: opening.language, text: content.join("\n"), line: first, closed: at < lines.length });
  }
  return blocks;
}

function openingFence(line: string): { indent: number; fence: string; language: string } | null {
  const match = /^( *)(`{3,}(?=[^`]*$)|~{3,})(.*)$/.exec(line);
  if (!match) return null;
  const [, indent = "", fence = "", info = ""] = match;
  return { indent: indent.length, fence, language: (info.trim().split(/\s+/)[0] ?? "").toLowerCase() };
}

function closes(line: string, fence: string, deepest: number): boolean {
  const text = line.trim();
  return indentOf(line) <= deepest && text.length >= fence.length && text === (fence[0] ?? "").repeat(text.length);
}

function listItem(line: string): { column: number; rest: string } | null {
  const match = /^( *(?:[-*+]|\d{1,9}[.)]))( +)(\S.*)$/.exec(line);
  if (!match) return null;
  const [, marker = "", gap = "", rest = ""] = match;
  const spaces = gap.length > 4 ? 1 : gap.length; // more than four begin an indented code block after the marker
  return { column: marker.length + spaces, rest: `${" ".repeat(gap.length - spaces)}${rest}` };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Tabs of the indentation as spaces up to the next column that four divides. */
function expandIndent(line: string): string {
  const indent = /^[ \t]*/.exec(line)?.[0] ?? "";
  let columns = 0;
  for (const character of indent) columns += character === "\t" ? 4 - (columns % 4) : 1;
  return `${" ".repeat(columns)}${line.slice(indent.length)}`;
}

/** Takes away as much white space as the fence stood in, no more; a line of the content keeps its own tabs. */
function withoutIndent(line: string, columns: number): string {
  let at = 0;
  for (let taken = 0; taken < columns && (line[at] === " " || line[at] === "\t"); at += 1) taken += line[at] === "\t" ? 4 - (taken % 4) : 1;
  return line.slice(at);
}
