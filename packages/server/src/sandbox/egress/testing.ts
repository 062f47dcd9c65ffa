import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import type { NetworkRequest, NetworkWatch } from "../sandbox.ts";
import type { Roads } from "./reach.ts";

/** A public address that tests give to their names; nothing is ever sent to it. */
export const PUBLIC = "192.31.196.10";
