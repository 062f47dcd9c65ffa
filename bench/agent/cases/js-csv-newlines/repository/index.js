/** Rows of fields. An empty text has no rows; a final line break makes no row. */
export function parse(text) {
  return text
    .split(/\r?\n/)
    .filter((line, index, lines) => index < lines.length - 1 || line !== "")
    .map(fieldsOf);
}

function fieldsOf(line) {
  const fields = [];
  let field = "";
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const char = line[at];
    if (quoted) {
      if (char === '"' && line[at + 1] === '"') {
        field += '"';
        at++;
      } else if (char === '"') quoted = false;
      else field += char;
    } else if (char === '"') quoted = true;
    else if (char === ",") {
      fields.push(field);
      field = "";
    } else field += char;
  }
  return [...fields, field];
}
