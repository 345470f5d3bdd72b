import fc from "fast-check";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodePrepared, prepareResource } from "../../services/aggregator/output-stage/present.ts";
import { decodeResource } from "../../services/aggregator/output-stage/encode/decode-resource.ts";
import { ApplicationDecoder } from "../../services/eureka-collector/client/application-decoder.ts";
import { ApplicationSplitter } from "../../services/eureka-collector/client/application-splitter.ts";
import { decodeFrame } from "../../services/eureka-collector/client/decode.ts";
import { profiles } from "../../shared/model/profile.ts";
import { isMeshError } from "../../shared/runtime/errors.ts";
import { opCodes } from "../../shared/zookeeper/wire/codes.ts";
import type { OpName } from "../../shared/zookeeper/wire/codes.ts";
import { FrameSplitter } from "../../shared/zookeeper/wire/frame-splitter.ts";
import { JuteReader, JuteWriter } from "../../shared/zookeeper/wire/jute.ts";
import { connectResponse, replyHeader, watcherEvent } from "../../shared/zookeeper/wire/records.ts";
import { readReply, writeReply } from "../../shared/zookeeper/wire/replies.ts";
import { readRequest } from "../../shared/zookeeper/wire/requests.ts";
import { anyManifest } from "../istio/arbitrary-manifests.ts";
import { damaged, inPieces, pieceSizes, runs, timeLimit } from "./fuzz-rig.ts";

/** Runs it; the only error that may come out is the one that says that the peer broke its protocol. */
function expectViolationAtMost(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isMeshError(error, "protocol-violation")) throw error;
  }
}

test("a manifest on the stream is served as it says, or refused by name, and nothing is thrown", () => {
  const bytes = damaged(anyManifest.map((manifest) => Buffer.from(JSON.stringify(manifest))));
  fc.assert(
    fc.property(bytes, fc.constantFrom(...profiles), (data, profile) => {
      // The subject names what the manifest should be.
      const named = /"name":"([^"\\]*)","namespace":"([^"\\]*)"/.exec(data.toString());
      const id = {
        kind: data.includes('"kind":"Sidecar"') ? "Sidecar" as const : "ServiceEntry" as const,
        registry: "eureka",
        source: "default",
        name: named?.[1] ?? "a",
        namespace: named?.[2] ?? "b",
      };
      const { prepared, violations } = prepareResource("mesh.entries.a", id, "s-1", data, profile);
      if (prepared === undefined) {
        expect(violations.length).toBeGreaterThan(0);
        return;
      }
      const { framed, name } = encodePrepared(prepared);
      const decoded = decodeResource(id.kind, framed);
      expect(`${decoded.namespace}/${decoded.name}`).toBe(name);
    }),
    runs(500),
  );
}, timeLimit(20_000));

test("an answer of Eureka is read, or refused as a whole, however it is broken", () => {
  const folder = join(import.meta.dirname, "../data/eureka/real");
  const answers = readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) =>
    readFileSync(join(folder, file))
  );
  fc.assert(
    fc.property(damaged(fc.constantFrom(...answers)), pieceSizes, (answer, sizes) => {
      expectViolationAtMost(() => {
        const decoder = new ApplicationDecoder(new Map());
        const splitter = new ApplicationSplitter(decoder.decode.bind(decoder), 1e6);
        for (const piece of inPieces(answer, sizes)) splitter.write(piece);
        decodeFrame(splitter.end());
        for (const { name, instances } of decoder.applications) {
          expect(name).not.toBe("");
          for (const { id, port } of instances) {
            expect(id).not.toBe("");
            expect(Number.isInteger(port) && port >= 0 && port <= 65_535).toBe(true);
          }
        }
        for (const reason of decoder.invalidRecords.values()) expect(reason.length).toBeLessThan(300);
      });
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    runs(500),
  );
}, timeLimit(20_000));

const opNames = Object.keys(opCodes).filter((name): name is OpName => name in opCodes);
const stat = {
  czxid: 1n,
  mzxid: 2n,
  ctime: 3n,
  mtime: 4n,
  version: 1,
  cversion: 2,
  aversion: 0,
  ephemeralOwner: 0n,
  dataLength: 3,
  numChildren: 2,
  pzxid: 5n,
};

/** Frames of a server as they should be. */
function goodFrames(): Buffer[] {
  const written = (write: (writer: JuteWriter) => void) => {
    const writer = new JuteWriter();
    write(writer);
    return writer.take();
  };
  return [
    written((writer) => writeReply(writer, 1, 7n, "getChildren", { names: ["a", "b"] })),
    written((writer) => writeReply(writer, 1, 7n, "getChildren2", { names: ["a", "b"], stat })),
    written((writer) => writeReply(writer, 1, 7n, "getData", { data: Buffer.from("x"), stat })),
    written((writer) => writeReply(writer, 1, 7n, "multiRead", { results: [["a"], -101] })),
  ];
}

test("a frame of ZooKeeper is read, or breaks the protocol, however it is broken", () => {
  const stream = fc.array(fc.constantFrom(...goodFrames()), { minLength: 1, maxLength: 4 }).map((frames) =>
    Buffer.concat(frames)
  );
  fc.assert(
    fc.property(damaged(stream), pieceSizes, fc.constantFrom(...opNames), (bytes, sizes, op) => {
      const frames: Buffer[] = [];
      expectViolationAtMost(() => {
        const splitter = new FrameSplitter(10_000);
        for (const piece of inPieces(bytes, sizes)) {
          splitter.push(piece, (frame) => frames.push(Buffer.from(frame)));
        }
      });
      for (const frame of frames) {
        expectViolationAtMost(() => {
          const reader = new JuteReader(frame);
          replyHeader.read(reader);
          readReply(reader, op);
        });
        expectViolationAtMost(() => void watcherEvent.read(new JuteReader(frame)));
        expectViolationAtMost(() => void connectResponse.read(new JuteReader(frame)));
        expectViolationAtMost(() => void readRequest(frame));
      }
    }),
    runs(1000),
  );
}, timeLimit(20_000));
