import { expect, onTestFinished, test } from "vitest";
import { Turns } from "../runtime/turns.ts";
import { service } from "./publisher-rig.ts";
import { RegistrySnapshot } from "./registry-snapshot.ts";
import { ScriptedView } from "./scripted-view-rig.ts";

const sink = { changed: () => {}, readStarted: () => {}, readEnded: () => {}, completed: () => {} };

function createSnapshot(isOver = () => false) {
  const view = new ScriptedView(sink);
  onTestFinished(() => view[Symbol.asyncDispose]());
  for (const name of ["a", "b"]) view.services.set(name, ["10.0.0.1"]);
  const snapshot = new RegistrySnapshot({
    view,
    vet: (_unit, manifests) => manifests,
    prepare: (offer) => ({ ...offer, subject: offer.unit, hash: undefined }),
    isRead: () => true,
    isOver,
  });
  return { view, snapshot };
}

test("a snapshot shows the moment of its completion, in the order of the view", async () => {
  const { view, snapshot } = createSnapshot();
  await snapshot.convert(new Turns());
  view.services.set("a", ["10.0.0.2"]);
  snapshot.changed("a");
  view.services.delete("b");
  snapshot.changed("b");
  view.services.set("c", ["10.0.0.3"]);
  expect(snapshot.complete()?.map(({ manifest }) => manifest)).toEqual([
    service("a", ["10.0.0.2"]),
    service("c", ["10.0.0.3"]),
  ]);
});

test("a snapshot that is over or outdated is none", async () => {
  let isOver = false;
  const { snapshot } = createSnapshot(() => isOver);
  await snapshot.convert(new Turns());
  expect(snapshot.complete()).toHaveLength(2);
  isOver = true;
  expect(snapshot.complete()).toBeUndefined();
  isOver = false;
  snapshot.outdated();
  expect(snapshot.complete()).toBeUndefined();
});
