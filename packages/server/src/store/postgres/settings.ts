import { createHash } from "node:crypto";
import { join } from "node:path";

/** The address of a Unix socket ends at 107 bytes. */
const LONGEST_SOCKET = 107;
const SOCKET = ".s.PGSQL.5432";

/** Where the server listens: in `folder`, or, where that path is too long for a socket, in a short one that always is the same for this folder. */
export function socketDirectory(folder: string, uid: number): string {
  const inside = join(folder, "socket");
  if (Buffer.byteLength(join(inside, SOCKET)) <= LONGEST_SOCKET) return inside;
  const hash = createHash("sha256").update(folder).digest("hex").slice(0, 16);
  return uid === 0 ? `/run/farhand-${hash}` : `/tmp/farhand-${uid}-${hash}`;
}

/**
 * The server's own settings. Nobody reaches it but through the socket, whose directory is closed to all but its user and root. `durable: false`
 * trades safety in a power failure for speed, for tests.
 */
export function postgresqlConf(folder: string, sockets: string, durable: boolean): string {
  const settings: Record<string, string> = {
    listen_addresses: "",
    unix_socket_directories: `"${sockets.replaceAll('"', '""')}"`, // a list: a comma in the path would divide it
    unix_socket_permissions: "0700",
    hba_file: join(folder, "pg_hba.conf"),
    ident_file: join(folder, "pg_ident.conf"),
    cluster_name: "farhand",
    max_connections: "200",
    shared_buffers: "128MB",
    max_wal_size: "1GB",
    wal_compression: "on",
    synchronous_commit: "on",
    jit: "off",
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] ",
    log_checkpoints: "off",
    ...(durable ? {} : { fsync: "off", full_page_writes: "off", synchronous_commit: "off" }),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return ["# Written at every start. Change settings with ALTER SYSTEM.", ...lines, ""].join("\n");
}

/** The services are `farhand`, who owns a database and can do no more; only the user who started the server is its superuser. */
export const PG_HBA = "local all farhand trust\nlocal all postgres peer map=administrators\n";

export const pgIdent = (user: string): string => `administrators "${user.replaceAll('"', '""')}" postgres\n`;

export function databaseUrl(sockets: string, user: string, database: string): string {
  return `postgres://${user}@localhost/${database}?host=${encodeURIComponent(sockets)}`;
}
