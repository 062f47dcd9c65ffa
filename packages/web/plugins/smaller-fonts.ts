import subsetFont from "subset-font";
import type { Plugin } from "vite";

/** The features that app.css asks for, and those that set letters and accents right; the rest is most of a font's size. */
const FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "cv11", "ss03"];
/** From the lightest to the boldest that the page uses, drawn for the size of text. */
const VARIATIONS = { wght: { min: 400, max: 650 }, opsz: 14 };
/** The ranges of app.css, in hexadecimal. */
const CHARACTERS = charactersOf("20-FF 131 152-153 2BB-2BC 2C6 2DA 2DC 2000-206F 20AC 2122 2190-2193 2212 2215 2500-257F");

/** Fonts with nothing that the page never shows: that was most of them. Their names do not change with what is kept. */
export function smallerFonts(): Plugin {
  return {
    name: "smaller-fonts",
    apply: "build",
    async generateBundle(_, files) {
      for (const file of Object.values(files)) {
        if (file.type !== "asset" || !file.fileName.endsWith(".woff2")) continue;
        const isVariable = file.fileName.includes("Variable");
        const kept = {
          targetFormat: "woff2" as const,
          keepFeatures: isVariable ? FEATURES : [],
          ...(isVariable && { variationAxes: VARIATIONS }),
        };
        file.source = await subsetFont(Buffer.from(file.source), CHARACTERS, kept);
      }
    },
  };
}

/** Ranges of hexadecimal numbers. */
function charactersOf(ranges: string): string {
  const numbers = ranges.split(" ").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map((number) => Number.parseInt(number, 16));
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  return String.fromCodePoint(...numbers);
}
