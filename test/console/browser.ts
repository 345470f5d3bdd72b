import { existsSync } from "node:fs";
import axe from "axe-core";
import { chromium } from "playwright-core";
import type { Browser, Page } from "playwright-core";
import { z } from "zod";

/** Where Debian and others have Chromium; `CHROMIUM` names another one. */
const places = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Path of the browser; undefined if there is none. */
export function findChromium(): string | undefined {
  return places.find((path) => path !== undefined && path !== "" && existsSync(path));
}

/**
 * For the top of a test file, as `requireReal`: true if there is no browser, which is said on standard error. With
 * `REQUIRE_REAL=1` that fails the file, unless `WITHOUT_BROWSER=1` says that none can be had here.
 */
export function skipWithoutBrowser(): boolean {
  if (findChromium() !== undefined) return false;
  const hint = "apt-get install chromium, or name one in CHROMIUM";
  if (process.env["REQUIRE_REAL"] === "1" && process.env["WITHOUT_BROWSER"] !== "1") {
    throw new Error(`no Chromium, and REQUIRE_REAL=1 demands it; ${hint}`);
  }
  process.stderr.write(`skipping tests: no Chromium here; ${hint}\n`);
  return true;
}

/** A browser that asks nothing of the network by itself. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("no Chromium");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ];
  return await chromium.launch({ executablePath, args });
}

/** A page, and what went wrong in it: messages of the browser, errors, requests to other origins. */
export interface OpenedPage {
  readonly page: Page;
  readonly faults: readonly string[];
}

/** Opens a page in a context of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  colorScheme: "light" | "dark" = "light",
): Promise<OpenedPage> {
  const page: Page = await browser.newPage({ viewport: { width: 1366, height: 820 }, colorScheme });
  const faults: string[] = [];
  const { origin } = new URL(url);
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) faults.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return { page, faults };
}

const AxeResult = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      help: z.string(),
      nodes: z.array(z.object({ target: z.array(z.unknown()) })),
    }),
  ),
});

/** What axe finds of the page as it is now: the rule, and where it is broken. Empty: all is well. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  // By the browser's debugger, which the page's content policy doesn't apply to.
  await page.evaluate(axe.source);
  const { violations } = AxeResult.parse(await page.evaluate("axe.run()"));
  return violations.map(({ id, help, nodes }) =>
    `${id}: ${help} (${nodes.slice(0, 3).map(({ target }) => target.join(" ")).join("; ")})`
  );
}
