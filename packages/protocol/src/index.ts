export * from "./api.ts";
export * from "./client.ts";
export * from "./environment.ts";
export * from "./event.ts";
export * from "./network.ts";
export * from "./session.ts";
export * from "./task.ts";
export * from "./transcript.ts";
