import { parseRepository } from "../forge/git/repository.ts";
import type { Access } from "../forge/git/transport.ts";
import type { RunEnvironment } from "../store/environments.ts";
import type { Keyring } from "../store/secrets.ts";

/** The right to use an environment's repository: its token is opened here, in the worker, and goes to git only. */
export function accessTo(environment: RunEnvironment, keyring: Keyring): Access {
  return {
    repository: parseRepository(environment.spec.repository),
    token: environment.sealedToken && keyring.open(environment.sealedToken),
    administrator: environment.byAdministrator,
  };
}
