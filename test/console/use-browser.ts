import type { Browser } from "playwright-core";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { launchBrowser, openPage } from "./browser.ts";
import type { OpenedPage } from "./browser.ts";

/** For `expect.poll` of what a page shows. */
export const soon = { timeout: 20_000 };

/** What a suite of the console's tests opens its pages with. */
export interface ConsoleBrowser {
  /** Opens a page, which is closed with the test, without waiting for the aggregator. */
  readonly show: (url: string, scheme?: "light" | "dark") => Promise<OpenedPage>;
  /** Opens a page and waits until it is connected to the aggregator. */
  readonly open: (url: string, scheme?: "light" | "dark") => Promise<OpenedPage>;
}

/** To be called in a `describe`: a browser for all of its tests. */
export function useBrowser(): ConsoleBrowser {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());
  const show: ConsoleBrowser["show"] = async (url, scheme = "light") => {
    const opened = await openPage(browser, url, scheme);
    onTestFinished(() => opened.page.close());
    return opened;
  };
  return {
    show,
    open: async (url, scheme) => {
      const opened = await show(url, scheme);
      await opened.page.getByText("live", { exact: true }).waitFor();
      return opened;
    },
  };
}
