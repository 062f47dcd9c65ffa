import { command } from "./command.ts";

/** Makes a bare repository with one commit of so many small files, 100 to a folder. */
export async function makeRepository(path: string, files: number, signal: AbortSignal): Promise<void> {
  await command(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], signal);
  await command(["git", "-C", path, "fast-import", "--quiet"], signal, history(files));
}

async function* history(files: number): AsyncGenerator<string> {
  yield "commit refs/heads/main\ncommitter Bench <bench@example.org> 1700000000 +0000\ndata 5\nFiles\n";
  for (let file = 0; file < files; file += 1) {
    const text = `export const value${file} = ${file};\n`.repeat(8);
    yield `M 100644 inline src/part${Math.floor(file / 100)}/file${file}.ts\ndata ${text.length}\n${text}\n`;
  }
}
