import { z } from "zod";
import { absolute, changeFiles, MAX_FILE_BYTES, Path, wholeFile } from "./files.ts";
import { answering, type Tool } from "./tool.ts";

const WriteFileInput = z.strictObject({
  path: Path,
  content: z.string().refine((text) => Buffer.byteLength(text) <= MAX_FILE_BYTES, "is too long"),
});
type WriteFileInput = z.infer<typeof WriteFileInput>;

export const writeFileTool: Tool<WriteFileInput> = {
  name: "write_file",
  description: "Makes a file, or replaces all of its content. Directories are made.",
  input: WriteFileInput,
  readsOnly: false,
  run: answering(async ({ path, content }, { sandbox, workspace }, signal) => {
    const target = absolute(path, workspace);
    const before = await wholeFile(sandbox, target, signal);
    await changeFiles(sandbox, [{ path: target, bytes: Buffer.from(content) }], signal);
    return `${before === null ? "Made" : "Replaced"} ${path}.`;
  }),
};
