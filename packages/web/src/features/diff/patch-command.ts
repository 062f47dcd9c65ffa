/**
 * A command that applies the patch in a clone, to be pasted into a shell. The patch is hostile text: unless it is plain text it goes as base64, so nothing in it
 * can end the here-document or speak to the terminal.
 */
export function applyCommand(bytes: Uint8Array): string {
  let text: string | null = null;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {} // not UTF-8
  const end = `END_${crypto.randomUUID().replaceAll("-", "")}`;
  if (text !== null && !/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/.test(text))
    return `git apply --binary <<'${end}'\n${text}${text.endsWith("\n") ? "" : "\n"}${end}\n`;
  return `base64 -d <<'${end}' | git apply --binary\n${base64(bytes)}\n${end}\n`;
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8_192) binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(binary).replace(/.{76}/g, "$&\n");
}
