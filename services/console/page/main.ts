import { h, render } from "preact";
import type { ComponentChild } from "preact";
import { setToken } from "./api.ts";
import { clientsView } from "./clients.ts";
import { dependenciesView } from "./dependencies.ts";
import { dryRunView } from "./dry-run.ts";
import { overviewView } from "./overview.ts";
import { openPalette, palette } from "./palette.ts";
import { problemsView } from "./problems.ts";
import { releaseView } from "./release.ts";
import { linkTo, routeOf, tabFor, tabs } from "./route.ts";
import type { Route } from "./route.ts";
import { serviceView } from "./service.ts";
import { servicesView } from "./services.ts";
import { changed, drawNow, followEvents, known, onChange } from "./store.ts";
import { texts } from "./texts.ts";
import { timeView } from "./time.ts";
import { traceView } from "./trace.ts";
import { dot, fieldOf } from "./ui.ts";
import type { Tone } from "./ui.ts";

const liveTones: Readonly<Record<typeof known.live, Tone>> = {
  connecting: "note",
  live: "ok",
  offline: "problem",
};

function App(): ComponentChild {
  const route = routeOf(location.hash);
  document.title = `${titleOf(route)} · ${texts.product}`;
  return h(
    "div",
    { class: "app" },
    h("a", { class: "skip", href: "#content", onClick: toContent }, texts.skip),
    header(route),
    h("main", { id: "content", tabIndex: -1 }, known.needsToken ? tokenForm() : viewOf(route)),
    palette(),
  );
}

/** The hash is the route, so the link moves the focus itself. */
function toContent(event: Event): void {
  event.preventDefault();
  document.querySelector("main")?.focus();
}

function titleOf({ view, parameters }: Route): string {
  return view === "service" ? parameters["name"] ?? "" : texts.views[view];
}

function header({ view }: Route): ComponentChild {
  const { overview, live } = known;
  const problems = overview === undefined ? 0 : overview.held + overview.rejected;
  const active = tabFor(view);
  return h(
    "header",
    { class: "top" },
    h(
      "a",
      { class: "brand", href: linkTo("overview") },
      h("img", { src: "console/icon.svg", alt: "", width: 24, height: 24 }),
      texts.product,
    ),
    h(
      "nav",
      { "aria-label": texts.nav },
      tabs.map((tab) =>
        h(
          "a",
          { href: linkTo(tab), "aria-current": tab === active ? "page" : undefined },
          texts.views[tab],
          tab === "problems" && problems > 0
            ? h("span", { class: "count" }, problems.toLocaleString())
            : undefined,
        )
      ),
    ),
    h(
      "button",
      { type: "button", class: "find", onClick: openPalette },
      texts.find,
      h("kbd", {}, texts.findKeys),
    ),
    h(
      "span",
      { class: "live", role: "status", title: texts.liveHelp[live] },
      dot(liveTones[live]),
      texts.live[live],
    ),
    h("button", {
      type: "button",
      class: "small",
      "aria-label": texts.theme,
      title: texts.theme,
      onClick: changeTheme,
    }, "◐"),
  );
}

function viewOf({ view, parameters }: Route): ComponentChild {
  switch (view) {
    case "overview":
      return overviewView();
    case "services":
      return servicesView(parameters);
    case "service":
      return serviceView(parameters);
    case "time":
      return timeView(parameters);
    case "trace":
      return traceView(parameters);
    case "dependencies":
      return dependenciesView(parameters);
    case "clients":
      return clientsView();
    case "problems":
      return problemsView();
    case "release":
      return releaseView(parameters);
    case "dryrun":
      return dryRunView(parameters);
  }
}

function tokenForm(): ComponentChild {
  return h(
    "form",
    {
      class: "card token",
      onSubmit: (event: Event) => {
        event.preventDefault();
        if (!(event.currentTarget instanceof HTMLFormElement)) return;
        setToken(fieldOf(new FormData(event.currentTarget), "token"));
        void followEvents();
      },
    },
    h("h1", {}, texts.token.title),
    h("label", { for: "token" }, texts.token.label),
    h("input", { id: "token", name: "token", type: "password", autocomplete: "off", required: true }),
    h("button", { type: "submit", class: "primary" }, texts.token.send),
    h("p", { class: "muted" }, texts.token.help),
  );
}

const themeKey = "meshregistry-theme";

function changeTheme(): void {
  const root = document.documentElement;
  const isDark = root.dataset["theme"] === "dark" ||
    (root.dataset["theme"] === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset["theme"] = isDark ? "light" : "dark";
  localStorage.setItem(themeKey, root.dataset["theme"]);
}

function isField(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
  } else if (event.key === "/" && !isField(event.target)) {
    drawNow();
    const filter = document.querySelector("#filter");
    if (!(filter instanceof HTMLElement)) return;
    event.preventDefault();
    filter.focus();
  }
}

const theme = localStorage.getItem(themeKey);
if (theme !== null) document.documentElement.dataset["theme"] = theme;
const root = document.querySelector("#app");
if (root !== null) {
  root.replaceChildren();
  onChange(() => render(h(App, {}), root));
  addEventListener("hashchange", () => {
    scrollTo(0, 0);
    changed();
  });
  addEventListener("keydown", onKey);
  changed();
  void followEvents();
}
