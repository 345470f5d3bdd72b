import { expect, test } from "vitest";
import { grantedToken, isWorthRenewing, tokenUse } from "./token.ts";

test("is renewed between a tenth and a fifteenth of its time before the end", () => {
  expect(grantedToken("t", 18_000, 0, 1).renewMs).toBe(16_200_000);
  expect(grantedToken("t", 18_000, 0, 0).renewMs).toBe(16_800_000);
  const token = grantedToken("t", 100, 1_000, 1);
  expect(tokenUse(token, 90_999)).toBe("use");
  expect(tokenUse(token, 91_000)).toBe("use and renew");
  expect(tokenUse(token, 101_000)).toBe("renew first");
  expect(tokenUse(undefined, 0)).toBe("renew first");
});

test("lasts for ever where the server names no time", () => {
  for (const seconds of [0, -1, Number.NaN]) {
    expect(tokenUse(grantedToken("t", seconds, 0, 0.5), 1e12)).toBe("use");
  }
});

test("is taken for the reason of a refusal if the server says so, or if it is old", () => {
  const token = grantedToken("t", 18_000, 0, 0);
  expect(isWorthRenewing(token, true, 499)).toBe(false);
  expect(isWorthRenewing(token, true, 500)).toBe(true);
  expect(isWorthRenewing(token, false, 59_999)).toBe(false);
  expect(isWorthRenewing(token, false, 60_000)).toBe(true);
});
