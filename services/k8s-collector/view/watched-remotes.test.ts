import { expect, test } from "vitest";
import { WatchedRemotes } from "./watched-remotes.ts";

test("istiod watches what its Secrets name, also by kubeconfigs that we refuse, until no Secret names it", () => {
  const remotes = new WatchedRemotes();
  const ids = () => Object.fromEntries(remotes.clusters);
  const [of, other] = [{ id: "east", secret: "istio-system/a" }, { id: "east", secret: "istio-system/b" }];
  remotes.apply({ type: "refused", ...of, reason: "it would run a program here" });
  expect(ids()).toEqual({ east: "istio-system/a" });
  remotes.apply({ type: "added", ...other, kubeconfig: "k" });
  remotes.apply({ type: "withdrawn", ...of });
  expect(ids()).toEqual({ east: "istio-system/b" });
  // It is garbage for a moment, and is what it was again: istiod keeps the cluster, and so do we.
  remotes.apply({ type: "refused", ...other, reason: "garbage" });
  remotes.apply({ type: "withdrawn", ...other });
  expect(ids()).toEqual({ east: "istio-system/b" });
  remotes.apply({ type: "removed", ...other });
  expect(ids()).toEqual({});
  remotes.apply({ type: "refused", ...of, reason: "garbage" });
  remotes.apply({ type: "withdrawn", ...of });
  expect(ids()).toEqual({});
});
