/** A piece of a line with the class of its kind of word; "" = none. */
export type Coloured = { text: string; style: string };

/** To the worker: the old or the new side of each hunk of a file. */
export type ColourRequest = { id: number; path: string; texts: string[] };
/** From the worker: lines of pieces, for each text; none where the language is not known. */
export type ColourAnswer = { id: number; lines: Coloured[][][] };
