/** The part of Markdown that agents write. Raw HTML and images are text. */
export type Block =
  | { kind: "paragraph"; inline: Inline[] }
  | { kind: "heading"; inline: Inline[] }
  | { kind: "code"; text: string }
  | { kind: "list"; ordered: boolean; start: number; items: Inline[][] }
  | { kind: "quote"; inline: Inline[] }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] };
export type Inline = { kind: "text" | "code" | "strong" | "emphasis"; text: string } | { kind: "link"; text: string; to: string };

/** Never fails: what is not understood is a paragraph. */
export function parseMarkdown(source: string): Block[] {
  const blocks: Block[] = [];
  const lines = source.split(/\r?\n/);
  let paragraph: string[] = [];
  const endParagraph = () => {
    if (paragraph.length > 0) blocks.push({ kind: "paragraph", inline: parseInline(paragraph.join("\n")) });
    paragraph = [];
  };
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const fence = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence) {
      endParagraph();
      const code: string[] = [];
      while (++at < lines.length && !(lines[at] ?? "").trim().startsWith(fence)) code.push(lines[at] ?? "");
      blocks.push({ kind: "code", text: code.join("\n") });
      continue;
    }
    const table = line.includes("|") && TABLE_RULE.test(lines[at + 1] ?? "") ? cellsOf(line) : null;
    if (table && table.length === cellsOf(lines[at + 1] ?? "").length) {
      endParagraph();
      const rows: Inline[][][] = [];
      for (at++; (lines[at + 1] ?? "").includes("|"); at++) rows.push(rowOf(lines[at + 1] ?? "", table.length));
      blocks.push({ kind: "table", head: table.map(parseInline), rows });
      continue;
    }
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line);
    const item = LIST_ITEM.exec(line);
    const quote = /^>\s?(.*)$/.exec(line);
    if (line.trim() === "" || heading || item || quote) endParagraph();
    if (heading) blocks.push({ kind: "heading", inline: parseInline(heading[1] ?? "") });
    else if (quote) blocks.push({ kind: "quote", inline: parseInline(quote[1] ?? "") });
    else if (item) addItem(blocks, item);
    else if (continuesItem(blocks, paragraph, line, lines[at - 1] ?? "")) continueItem(blocks, line);
    else if (line.trim() !== "") paragraph.push(line);
  }
  endParagraph();
  return blocks;
}

/** Between the head of a table and its rows. */
const TABLE_RULE = /^\s{0,3}\|?[ \t]{0,20}:?-{1,200}:?[ \t]{0,20}(?:\|[ \t]{0,20}:?-{1,200}:?[ \t]{0,20}){0,50}\|?\s*$/;

function cellsOf(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** With as many cells as the head has. */
function rowOf(line: string, columns: number): Inline[][] {
  const cells = cellsOf(line);
  return Array.from({ length: columns }, (_, column) => parseInline(cells[column] ?? ""));
}

const LIST_ITEM = /^\s{0,8}(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;

function addItem(blocks: Block[], item: RegExpExecArray): void {
  const ordered = item[1] !== undefined;
  const last = blocks.at(-1);
  const inline = parseInline(item[2] ?? "");
  if (last?.kind === "list" && last.ordered === ordered) last.items.push(inline);
  else blocks.push({ kind: "list", ordered, start: Number(item[1] ?? 1), items: [inline] });
}

/** An indented line right below an item belongs to it. */
function continuesItem(blocks: readonly Block[], paragraph: readonly string[], line: string, before: string): boolean {
  return /^\s+\S/.test(line) && before.trim() !== "" && paragraph.length === 0 && blocks.at(-1)?.kind === "list";
}

function continueItem(blocks: readonly Block[], line: string): void {
  const list = blocks.at(-1);
  if (list?.kind === "list") list.items.at(-1)?.push(...parseInline(` ${line.trim()}`));
}

/** Each alternative is bounded, so that hostile text costs no more than its length. */
const INLINE =
  /`([^`\n]{1,2000})`|\*\*([^*\n]{1,500})\*\*|(?<![\w*])\*([^*\s][^*\n]{0,500})\*(?!\w)|\[([^\][\n]{1,500})\]\((https?:\/\/[^\s()<>]{1,2000})\)|(https?:\/\/[^\s<>"'`)\]]{1,2000})/g;

export function parseInline(text: string): Inline[] {
  const parts: Inline[] = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    if (found.index > from) parts.push({ kind: "text", text: text.slice(from, found.index) });
    const [whole, code, strong, emphasis, label, to, bare] = found;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (strong !== undefined) parts.push({ kind: "strong", text: strong });
    else if (emphasis !== undefined) parts.push({ kind: "emphasis", text: emphasis });
    else if (label !== undefined && to !== undefined) parts.push({ kind: "link", text: label, to });
    else if (bare !== undefined) parts.push({ kind: "link", text: bare, to: bare });
    from = found.index + whole.length;
  }
  if (from < text.length) parts.push({ kind: "text", text: text.slice(from) });
  return parts;
}
