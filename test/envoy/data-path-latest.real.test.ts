import { describeDataPath } from "./data-path.ts";

describeDataPath("latest", 16);
// Half a minute more, and the other istiod has this number of shards.
if (process.env["LONG_TESTS"] === "1") describeDataPath("latest", 1);
