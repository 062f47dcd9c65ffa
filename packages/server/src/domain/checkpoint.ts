/** A git tree, and the blobs with all that it has and the attempt's base has not, the oldest first. */
export type SavedTree = { tree: string; packs: readonly string[] };

/** `lost`: the tree could not be saved, and why. */
export type Checkpoint = SavedTree | { lost: string };
