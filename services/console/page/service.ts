import { h } from "preact";
import type { ComponentChild, ComponentChildren } from "preact";
import type { Endpoint, ServiceDetail } from "../../../shared/api/services.ts";
import { askText } from "./api.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { historySection } from "./service-history.ts";
import { shellWord } from "./shell.ts";
import { changed } from "./store.ts";
import { texts } from "./texts.ts";
import { badge, copyButton, nothing, pending, sameInShell, section, table } from "./ui.ts";
import type { Tone } from "./ui.ts";

const words = texts.service;
const details = new Answers<ServiceDetail>();
const yamls = new Answers<string>({ read: askText });

let isManifestOpen = false;

/** Maximum number of endpoints that are shown at once. */
const maxEndpoints = 500;

/** One service: as clients get it, what each source publishes of it, and who has it. */
export function serviceView(parameters: Readonly<Record<string, string>>): ComponentChild {
  const { name = "" } = parameters;
  const path = pathOf(name);
  const { answer, error } = details.load(path);
  return h(
    "div",
    {},
    h("p", { class: "crumb" }, h("a", { href: linkTo("services") }, `← ${words.back}`)),
    h(
      "div",
      { class: "title" },
      h("h1", {}, name),
      answer?.flags.map((flag) =>
        badge(texts.services.flags[flag], flag === "rejected" ? "problem" : "note")
      ),
      h("a", { class: "button", href: linkTo("trace", { by: "service", text: name }) }, words.trace),
      h("a", { class: "button", href: linkTo("dependencies", { by: "service", name }) }, words.dependants),
    ),
    answer === undefined ? pending(error) : detail(answer),
    h("div", { class: "stack after" }, historySection(path, name, parameters)),
    sameInShell(`meshctl describe ${shellWord(name)}; meshctl history ${shellWord(name)}`),
  );
}

function pathOf(name: string): string {
  const slash = name.indexOf("/");
  return `/services/${encodeURIComponent(name.slice(0, slash))}/${encodeURIComponent(name.slice(slash + 1))}`;
}

function detail(service: ServiceDetail): ComponentChild {
  const { hosts, addresses, addressesAreVirtual, ports, version, position, resolution, location } = service;
  return h(
    "div",
    { class: "stack" },
    h(
      "dl",
      { class: "facts card" },
      fact(words.hosts, hosts.join(", ")),
      fact(
        words.addresses,
        addresses.length === 0
          ? words.none
          : `${addresses.join(", ")}${addressesAreVirtual ? ` (${words.virtual})` : ""}`,
      ),
      fact(
        words.ports,
        ports.map(({ number, protocol, name }) => `${number} ${protocol} (${name})`).join(", "),
      ),
      fact(words.resolution, `${resolution}, ${location}`),
      fact(words.version, h("code", {}, version)),
      fact(words.position, h("code", {}, position)),
    ),
    section(
      `${words.endpoints} (${service.endpointList.length})`,
      service.endpointList.length === 0 ? nothing(words.noEndpoints) : table(
        words.endpointColumns,
        service.endpointList.slice(0, maxEndpoints).map(endpointRow),
        words.endpoints,
      ),
    ),
    section(words.holders, holders(service)),
    section(
      words.records,
      table(
        words.recordColumns,
        service.records.map(({ source, name, endpoints, inDoubt, leftOut, rejection }) => [
          source,
          name,
          endpoints,
          inDoubt === null ? words.certain : badge(inDoubt, "note"),
          rejection === null
            ? leftOut ?? words.asItIs
            : `${rejection.serving}: ${
              rejection.violations.map(({ rule, message }) => `${rule} ${message}`).join("; ")
            }`,
        ]),
        words.records,
      ),
    ),
    service.conflicts.length === 0 ? undefined : section(
      words.conflicts,
      h("ul", {}, service.conflicts.map(({ host, why }) => h("li", {}, h("strong", {}, host), `: ${why}`))),
    ),
    manifest(service),
  );
}

function fact(name: string, value: ComponentChildren): ComponentChild {
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function endpointRow(
  { address, ports, source, weight, locality, labels }: Endpoint,
): readonly ComponentChildren[] {
  const numbers = [...new Set(Object.values(ports))];
  return [
    h("a", {
      href: linkTo("trace", {
        by: "instance",
        text: `${address.includes(":") ? `[${address}]` : address}${
          numbers[0] === undefined ? "" : `:${numbers[0]}`
        }`,
      }),
    }, address),
    numbers.join(", "),
    source,
    weight ?? "",
    locality ?? "",
    h(
      "span",
      { class: "labels" },
      Object.entries(labels).map(([key, value]) => h("span", { class: "label" }, `${key}=${value}`)),
    ),
  ];
}

const holderTones: Readonly<Record<ServiceDetail["holders"][number]["has"], Tone>> = {
  current: "ok",
  behind: "note",
  refused: "problem",
  "not shown": "plain",
  unknown: "unknown",
};

function holders({ holders: all }: ServiceDetail): ComponentChild {
  if (all.length === 0) return nothing(words.nobody);
  return table(
    words.holderColumns,
    all.map((
      { client, has, version, detail },
    ) => [client, badge(has, holderTones[has]), h("code", {}, version ?? ""), detail]),
    words.holders,
  );
}

/** The service as kubectl would apply it. It is asked for when a person opens it. */
function manifest({ name, manifest }: ServiceDetail): ComponentChild {
  return h(
    "details",
    {
      class: "card",
      open: isManifestOpen,
      onToggle: (event: Event) => {
        if (!(event.currentTarget instanceof HTMLDetailsElement)) return;
        isManifestOpen = event.currentTarget.open;
        changed();
      },
    },
    h("summary", {}, words.manifest),
    isManifestOpen ? manifestText(name, manifest) : undefined,
  );
}

function manifestText(name: string, manifest: ServiceDetail["manifest"]): ComponentChild {
  const { answer, error } = yamls.load(`${pathOf(name)}/manifest?format=yaml`);
  // A very large one isn't written as YAML; JSON is YAML, too.
  const text = answer ?? (error === undefined ? undefined : JSON.stringify(manifest, undefined, 2));
  if (text === undefined) return pending(undefined);
  return h(
    "div",
    {},
    h("p", {}, copyButton(() => text, words.copyManifest)),
    h("pre", { tabIndex: 0, role: "region", "aria-label": words.manifest }, text),
  );
}
