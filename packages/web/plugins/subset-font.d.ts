declare module "subset-font" {
  /** The font with these characters and OpenType features only. */
  export default function subsetFont(
    font: Buffer,
    characters: string,
    kept: { targetFormat: "woff2"; keepFeatures: readonly string[]; variationAxes?: Record<string, number | { min: number; max: number }> },
  ): Promise<Buffer>;
}
