import { MeshError } from "../../runtime/errors.ts";
import type { Kubeconfig } from "./kubeconfig.ts";

/**
 * Refuses a kubeconfig from a Secret if any of its users or clusters would run a program, or read a file of ours: who may
 * write that Secret must not get code, tokens or keys out of our container. Istio refuses the same, apart from files
 * with authorities and the `oidc` provider. `server` and `proxy-url` can't be judged: a cluster may be anywhere.
 * @throws MeshError `invalid-record` that names the key.
 */
export function refuseUntrusted(kubeconfig: Kubeconfig, origin: string): void {
  const refuse = (key: string, why: string) =>
    new MeshError("invalid-record", `${origin} is refused because of ${key}: ${why}`);
  for (const [index, { user }] of (kubeconfig.users ?? []).entries()) {
    const path = `users[${index}].user`;
    if (user?.exec != null) throw refuse(`${path}.exec`, "it would run a program here");
    if (user?.["auth-provider"] != null) {
      throw refuse(`${path}.auth-provider`, "auth providers run programs and read files; use a token");
    }
    for (const key of ["tokenFile", "client-certificate", "client-key"] as const) {
      if (isGiven(user?.[key])) {
        throw refuse(`${path}.${key}`, `it would read a file here; ${insteadOf[key]}`);
      }
    }
  }
  for (const [index, { cluster }] of (kubeconfig.clusters ?? []).entries()) {
    const path = `clusters[${index}].cluster`;
    if (isGiven(cluster["certificate-authority"])) {
      const instead = "use certificate-authority-data";
      throw refuse(`${path}.certificate-authority`, `it would read a file here; ${instead}`);
    }
    if (!/^https:\/\//i.test(cluster.server)) {
      throw refuse(`${path}.server`, "it would send credentials in the clear; use an https URL");
    }
  }
}

const insteadOf = {
  tokenFile: "use token",
  "client-certificate": "use client-certificate-data",
  "client-key": "use client-key-data",
} as const;

function isGiven(value: string | null | undefined): boolean {
  return value != null && value !== "";
}
