import { describe, expect, onTestFinished, test } from "vitest";
import { termSubject } from "../../shared/model/subject.ts";
import { seedOfRun } from "../seeded-random.ts";
import { requireReal } from "../servers/find.ts";
import { startNats } from "../servers/nats.ts";
import { OldCode, oldVersion } from "../upgrade/old-version.ts";
import { promises } from "./history.ts";
import { recordedEureka, recordedZooKeeper } from "./registries.ts";
import type { RecordedRegistry } from "./registries.ts";
import { Churn, createRecordingStream, readHistory, Replica } from "./rig.ts";
import { TermWatch } from "./term-watch.ts";

const services = 40;

describe("Replicas of two versions share a source, as in a rolling update", () => {
  const commit = oldVersion();
  const skip = requireReal("nats-server").skip || commit === undefined;

  test.skipIf(skip).for<[string, () => Promise<RecordedRegistry>]>([
    ["ZooKeeper", recordedZooKeeper],
    ["Eureka", recordedEureka],
  ])("%s", { timeout: 300_000 }, async ([_name, startRegistry]) => {
    await using stack = new AsyncDisposableStack();
    const registry = stack.use(await startRegistry());
    for (let service = 0; service < services; service++) for (let n = 0; n < 3; n++) registry.add(service);
    const nats = stack.use(await startNats());
    await createRecordingStream(nats.url, 1);
    const earlier = stack.use(new OldCode(commit ?? "HEAD"));
    const terms = stack.use(await TermWatch.start(nats.url, termSubject(registry.token, "default")));
    const before = stack.use(await Replica.start(registry, nats.port, earlier.folder));
    await terms.until(1);
    const churn = new Churn(registry, services, 20, seedOfRun());
    onTestFinished(() => churn.stop());
    const now = stack.use(await Replica.start(registry, nats.port));
    const members = [await before.member(), await now.member()];
    await terms.until(2);
    const published = async () => {
      const writers = (await readHistory(nats.url)).flatMap((item) =>
        item.type === "entry" ? [item.member] : []
      );
      return members.map((member) => writers.filter((writer) => writer === member).length);
    };
    const [initially = 0] = await published();
    // Each publishes what changes in its share.
    await expect.poll(async () => (await published())[0], { timeout: 60_000 }).toBeGreaterThan(
      initially + 50,
    );
    await expect.poll(async () => (await published())[1], { timeout: 60_000 }).toBeGreaterThan(50);
    // The earlier one crashes and comes back, then it ends.
    await before.service.kill();
    await terms.until(1);
    await before.service.restart();
    await terms.until(2);
    await before.service.stop();
    await terms.until(1);
    churn.stop();
    const lastOf = async () => {
      const last = new Map<string, string>();
      for (const item of await readHistory(nats.url)) {
        if (item.type === "entry") last.set(item.host, item.endpoints);
      }
      return Object.fromEntries(last);
    };
    const wanted = Object.fromEntries([...registry.truth].map(([host, states]) => [host, states.at(-1)]));
    await expect.poll(lastOf, { timeout: 60_000 }).toEqual(wanted);
    const history = await readHistory(nats.url);
    for (const [promise, check] of Object.entries(promises)) {
      expect(check(history, registry.truth), promise).toEqual([]);
    }
  });
});
