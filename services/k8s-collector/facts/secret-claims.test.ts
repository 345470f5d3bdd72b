import { describe, expect, it } from "vitest";
import { SecretClaims } from "./secret-claims.ts";

const added = (namespace: string, kubeconfig: string, id = "east") => ({
  isEvidence: true,
  change: { type: "added", id, secret: `${namespace}/remote`, kubeconfig } as const,
});
const removed = (namespace: string, isEvidence = true) => ({
  isEvidence,
  change: { type: "removed", id: "east", secret: `${namespace}/remote` } as const,
});

describe("SecretClaims", () => {
  it("passes the changes of a single namespace on", () => {
    const claims = new SecretClaims(["mesh"]);
    expect(claims.apply("mesh", added("mesh", "1"))).toEqual(added("mesh", "1"));
    const rotated = {
      isEvidence: true,
      change: { type: "rotated", id: "east", secret: "mesh/remote", kubeconfig: "2" } as const,
    };
    expect(claims.apply("mesh", rotated)).toEqual(rotated);
    const refused = {
      isEvidence: true,
      change: { type: "refused", id: "east", secret: "mesh/other", reason: "garbage" } as const,
    };
    expect(claims.apply("mesh", refused)).toEqual(refused);
    expect(claims.apply("mesh", removed("mesh"))).toEqual(removed("mesh"));
    expect(claims.apply("mesh", added("mesh", "3"))).toEqual(added("mesh", "3"));
    expect(claims.apply("mesh", removed("mesh", false))).toEqual(removed("mesh", false));
  });

  it("uses the first namespace's kubeconfig, whichever was read first", () => {
    const claims = new SecretClaims(["mesh", "istio-system"]);
    expect(claims.apply("istio-system", added("istio-system", "1"))?.change.type).toBe("added");
    expect(claims.apply("mesh", added("mesh", "2"))?.change).toEqual({
      type: "rotated",
      id: "east",
      secret: "mesh/remote",
      kubeconfig: "2",
    });
    expect(claims.apply("istio-system", added("istio-system", "3"))).toBeUndefined();
    expect(claims.apply("istio-system", added("istio-system", "9", "west"))?.change.type).toBe("added");
  });

  it("keeps a cluster that another namespace still names, with or without evidence", () => {
    const claims = new SecretClaims(["mesh", "istio-system"]);
    claims.apply("mesh", added("mesh", "1"));
    claims.apply("istio-system", added("istio-system", "2"));
    expect(claims.apply("mesh", removed("mesh"))?.change).toEqual({
      type: "rotated",
      id: "east",
      secret: "istio-system/remote",
      kubeconfig: "2",
    });
    claims.apply("mesh", added("mesh", "2"));
    expect(claims.apply("mesh", removed("mesh", false))).toBeUndefined();
    expect(claims.apply("istio-system", removed("istio-system"))).toEqual(removed("istio-system"));
  });
});
