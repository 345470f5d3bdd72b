import { describe } from "vitest";
import { testFencing } from "./fencing.ts";
import { useRig } from "./kit.ts";
import type { ConformanceRig } from "./kit.ts";
import { testPublishing } from "./publishing.ts";
import { testReading } from "./reading.ts";
import { testDeadlineMs } from "./test-follower.ts";

/** The promises of `EntryLog`, run against each implementation. */
export function describeConformance(name: string, createRig: () => Promise<ConformanceRig>): void {
  describe(`${name} keeps the promises of an entry log`, { timeout: 2 * testDeadlineMs }, () => {
    const kit = useRig(createRig);
    testReading(kit);
    testPublishing(kit);
    testFencing(kit);
  });
}
