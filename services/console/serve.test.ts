import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { consoleFiles, consoleRoutes } from "./serve.ts";

const html = { accept: "text/html,*/*" };

test("all that a page loads is there, and nothing comes from elsewhere", () => {
  const files = consoleFiles();
  for (const [name, { type, body }] of files) {
    const imports = [...body.matchAll(/^\s*import\s[^"]*"([^"]+)"/gm)].map((match) => match[1] ?? "");
    if (type.startsWith("text/javascript")) {
      for (const path of imports) {
        expect(files.has(path.replace("./", "")), `${name} imports ${path}`).toBe(true);
      }
      expect(body, name).not.toMatch(/\bimport type\b|\binterface \w+ \{/);
    }
    const urls = [...body.matchAll(/(?:src|href)="([^"#]+)"/g)].map((match) => match[1] ?? "");
    for (const url of urls) expect(url, `${name}: relative, for a path prefix`).not.toMatch(/^\/|^\w+:/);
  }
  const page = files.get("index.html")?.body ?? "";
  expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/);
});

test("all of it is at most 200 KB compressed", () => {
  let bytes = 0;
  for (const { body } of consoleFiles().values()) bytes += gzipSync(body).length;
  expect(bytes).toBeLessThan(200_000);
  expect(bytes).toBeGreaterThan(10_000);
});

test("a browser gets the page, a program goes on to the list of pages; unchanged files cost 304", async () => {
  const app = consoleRoutes();
  app.get("/", (c) => c.text("the list"));
  expect(await (await app.request("/", { headers: html })).text()).toContain("console/main.ts");
  expect(await (await app.request("/")).text()).toBe("the list");
  const script = await app.request("/console/main.ts");
  expect(script.headers.get("content-type")).toContain("text/javascript");
  const etag = script.headers.get("etag") ?? "";
  expect((await app.request("/console/main.ts", { headers: { "if-none-match": etag } })).status).toBe(304);
  for (const path of ["/console/..%2fserve.ts", "/console/tsconfig.json", "/console/nothing.ts"]) {
    expect((await app.request(path)).status, path).toBe(404);
  }
});
