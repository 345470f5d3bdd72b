import { describeConformance } from "./conformance/conformance.ts";
import { EmbeddedEntryLog } from "./embedded.ts";

describeConformance("EmbeddedEntryLog", () => {
  const log = new EmbeddedEntryLog();
  return Promise.resolve({
    open: () => Promise.resolve(log),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  });
});
