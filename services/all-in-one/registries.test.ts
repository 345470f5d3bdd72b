import { expect, test } from "vitest";
import { collectedRegistries } from "../../shared/model/collected-registries.ts";
import { registries } from "./registries.ts";

test("an aggregator of its own accepts the registries that this process has a collector for", () => {
  expect([...collectedRegistries]).toEqual(Object.keys(registries));
});
