import { describe, expect, test } from "vitest";
import { decodeSubject, syncMarkerSubject } from "../../../shared/model/subject.ts";
import { createSyncMarker } from "../../../shared/model/sync-marker.ts";
import { markerIn, Markers } from "./markers.ts";

const idOf = (registry: string) => {
  const id = decodeSubject(syncMarkerSubject(registry, "default"));
  if (id === undefined) throw new Error("no subject");
  return id;
};

const marker = createSyncMarker("eureka", "default", 3, 1);
const data = Buffer.from(JSON.stringify(marker));

describe("a message on a marker's subject", () => {
  test("is the marker of the source that the subject names", () => {
    expect(markerIn(idOf("eureka"), data, "1")).toEqual(marker.spec);
  });

  test("is ignored if its publisher has read another stream: it was on its way when this one was made", () => {
    const spec = { ...createSyncMarker("eureka", "default", 3, 1, "1") };
    const bytes = Buffer.from(JSON.stringify(spec));
    expect(markerIn(idOf("eureka"), bytes, "1")).toEqual(spec.spec);
    expect(markerIn(idOf("eureka"), bytes, "2")).toMatch(/of an earlier stream/);
  });

  test("is ignored if it names another source, or is none", () => {
    expect(markerIn(idOf("zookeeper"), data, "1")).toMatch(/names eureka\/default, unlike its subject/);
    expect(markerIn(idOf("eureka"), Buffer.from("{"), "1")).toMatch(/unreadable/);
  });
});

test("a marker that was believed once isn't new again, however often the log shows it", () => {
  const markers = new Markers();
  markers.add(marker.spec);
  expect(markers.isNew(marker.spec)).toBe(true);
  markers.believe([marker.spec.id]);
  markers.reset();
  expect(markers.of("eureka", "default")).toBeUndefined();
  markers.add(marker.spec);
  expect(markers.isNew(marker.spec)).toBe(false);
  markers.remove("eureka", "default");
  expect([...markers.current]).toEqual([]);
});
