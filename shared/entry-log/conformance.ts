import { describe } from "vitest";
import { useRig } from "./conformance-kit.ts";
import type { ConformanceRig } from "./conformance-kit.ts";
import { testPublishing } from "./conformance-publishing.ts";
import { testReading } from "./conformance-reading.ts";
import { testDeadlineMs } from "./test-follower.ts";

/** The promises of `EntryLog`, run against each implementation. */
export function describeConformance(name: string, createRig: () => Promise<ConformanceRig>): void {
  describe(`${name} keeps the promises of an entry log`, { timeout: 2 * testDeadlineMs }, () => {
    const kit = useRig(createRig);
    testReading(kit);
    testPublishing(kit);
  });
}
