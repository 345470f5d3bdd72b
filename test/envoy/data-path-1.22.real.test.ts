import { describeDataPath } from "./data-path.ts";

describeDataPath("1.22", 1);
// Half a minute more, and the other istiod has this number of shards.
if (process.env["LONG_TESTS"] === "1") describeDataPath("1.22", 16);
