import { z } from "zod";
import { absolute, changeFiles, Path, wholeFile } from "./files.ts";
import { nearestPlace, numberedLines } from "./nearest.ts";
import { type TextFile, textFile } from "./text-file.ts";
import { answering, type Tool } from "./tool.ts";

const MOST_PLACES_NAMED = 10;

const EditInput = z.strictObject({
  path: Path,
  old_text: z.string().min(1, "is empty: use write_file").describe("Exact, with indentation; enough of it to be unique"),
  new_text: z.string(),
  replace_all: z.boolean().default(false),
});
type EditInput = z.infer<typeof EditInput>;

export const editTool: Tool<EditInput> = {
  name: "edit",
  description: "Replaces exact text in a file.",
  input: EditInput,
  readsOnly: false,
  run: answering(async ({ path, old_text, new_text, replace_all }, { sandbox, workspace }, signal) => {
    const target = absolute(path, workspace);
    const bytes = await wholeFile(sandbox, target, signal);
    if (bytes === null) throw new Error(`there is no file ${path}`);
    const file = textFile(bytes);
    if (file === null) throw new Error(`${path} is a binary file`);
    if (old_text === new_text) throw new Error("old_text and new_text are the same");
    const { text, lines } = replaced(file, old_text, new_text, replace_all);
    await changeFiles(sandbox, [{ path: target, bytes: file.encode(text) }], signal);
    return lines.length === 1 ? `Edited ${path} at line ${lines[0]}.` : `Edited ${path} in ${lines.length} places: lines ${named(lines)}.`;
  }),
};

/** The changed text, and the line that each replaced place began in. Throws, in words for the model, where the old text is not there or not unique. */
export function replaced(
  file: Omit<TextFile, "encode">,
  oldText: string,
  newText: string,
  all: boolean,
): { text: string; lines: number[] } {
  const ends = (text: string) => (file.eol === "\r\n" ? text.replace(/\r?\n/g, "\r\n") : text);
  const wanted = file.text.includes(oldText) ? oldText : ends(oldText);
  const places: number[] = [];
  for (let at = file.text.indexOf(wanted); at >= 0; at = file.text.indexOf(wanted, at + wanted.length)) places.push(at);
  if (places.length === 0) throw new Error(notFound(file.text, oldText));
  const lines = linesOf(file.text, places);
  if (places.length > 1 && !all) {
    throw new Error(
      `old_text is there ${places.length} times, at lines ${named(lines)}: add lines around it to make it unique, or set replace_all`,
    );
  }
  return { text: file.text.split(wanted).join(ends(newText)), lines };
}

function notFound(text: string, oldText: string): string {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  const wanted = oldText.split(/\r?\n/);
  const place = nearestPlace(lines, wanted);
  if (place === null) return "old_text is not in the file, and nothing like it is";
  const there = lines.slice(place.at, place.at + place.count);
  const blanks = there.length === wanted.length && there.every((line, at) => line.trim() === wanted[at]?.trim());
  const how = blanks ? "Only white space differs" : "The nearest text";
  return `old_text is not in the file. ${how}:\n${numberedLines(lines, place.at, place.count)}`;
}

function linesOf(text: string, places: readonly number[]): number[] {
  let line = 1;
  let from = 0;
  return places.map((place) => {
    for (let at = text.indexOf("\n", from); at >= 0 && at < place; at = text.indexOf("\n", at + 1)) line++;
    from = place;
    return line;
  });
}

function named(lines: readonly number[]): string {
  const more = lines.length - MOST_PLACES_NAMED;
  return `${lines.slice(0, MOST_PLACES_NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
