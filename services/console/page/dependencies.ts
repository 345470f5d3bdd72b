import { h } from "preact";
import type { ComponentChild } from "preact";
import type { Dependencies, DependencyNode } from "../../../shared/api/dependencies.ts";
import { boxHeight, boxWidth, layoutOf } from "./graph-layout.ts";
import { Answers } from "./loader.ts";
import { linkTo } from "./route.ts";
import { shellWord } from "./shell.ts";
import { texts } from "./texts.ts";
import { badge, fieldOf, nothing, pending, sameInShell, section, table } from "./ui.ts";

const words = texts.dependencies;
const answers = new Answers<Dependencies>();

/** Maximum number of rows of the table. */
const maxRows = 1_000;
const kinds = ["service", "application"] as const;
const directions = ["dependants", "dependencies"] as const;

/** Who calls whom: what breaks if something goes, or what it needs. */
export function dependenciesView(parameters: Readonly<Record<string, string>>): ComponentChild {
  const { by = "service", name = "", direction = "dependants", hops = "3" } = parameters;
  const query = new URLSearchParams({
    direction,
    hops,
    ...(name === "" ? { limit: "200" } : { [by]: name }),
  });
  const { answer, error } = answers.load(`/dependencies?${query.toString()}`);
  const asked = name === ""
    ? ""
    : by === "application"
    ? ` --application ${shellWord(name)}`
    : ` ${shellWord(name)}`;
  return h(
    "div",
    { class: "stack" },
    h("h1", {}, words.title),
    question(by, name, direction, hops),
    answer === undefined ? pending(error) : shown(answer),
    sameInShell(`meshctl dependencies${asked} --direction ${direction} --hops ${hops}`),
  );
}

function question(by: string, name: string, direction: string, hops: string): ComponentChild {
  return h(
    "form",
    {
      class: "filters",
      onSubmit: (event: Event) => {
        event.preventDefault();
        if (event.currentTarget instanceof HTMLFormElement) go(new FormData(event.currentTarget));
      },
    },
    select("by", words.byLabel, by, kinds.map((kind) => [kind, words.kinds[kind]])),
    h("input", {
      id: "filter",
      name: "name",
      type: "search",
      key: name,
      defaultValue: name,
      placeholder: words.placeholder,
      "aria-label": words.label,
      autocomplete: "off",
      spellcheck: false,
    }),
    select(
      "direction",
      words.directionLabel,
      direction,
      directions.map((way) => [way, words.directions[way]]),
    ),
    select(
      "hops",
      words.hopsLabel,
      hops,
      ["1", "2", "3", "5", "10"].map((count) => [count, words.hops(count)]),
    ),
    h("button", { type: "submit", class: "primary" }, words.go),
  );
}

function go(form: FormData): void {
  const [by, name, direction, hops] = ["by", "name", "direction", "hops"].map((field) =>
    fieldOf(form, field)
  );
  location.assign(
    linkTo("dependencies", { by: by ?? "", name: name ?? "", direction: direction ?? "", hops: hops ?? "" }),
  );
}

function select(
  name: string,
  label: string,
  value: string,
  options: readonly (readonly [string, string])[],
): ComponentChild {
  return h(
    "select",
    {
      name,
      "aria-label": label,
      key: `${name} ${value}`,
      onChange: (event: Event) => {
        if (event.currentTarget instanceof HTMLSelectElement) event.currentTarget.form?.requestSubmit();
      },
    },
    options.map(([each, text]) => h("option", { value: each, selected: each === value }, text)),
  );
}

/** Drawing a thousand nodes costs more than comparing: the same answer gives the same picture, which is left alone. */
let drawn: { readonly of: Dependencies; readonly as: ComponentChild } | undefined;

function shown(answer: Dependencies): ComponentChild {
  if (drawn?.of !== answer) drawn = { of: answer, as: draw(answer) };
  return drawn.as;
}

function draw(answer: Dependencies): ComponentChild {
  const { asked, nodes, left, callers, applications, direction, sidecar } = answer;
  const others = nodes.filter(({ id }) => id !== asked);
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "muted" }, words.known(applications, callers)),
    asked === null || others.length === 0 ? undefined : picture(answer),
    section(
      asked === null ? words.mostCalled : `${words.directions[direction]} (${others.length + left})`,
      others.length === 0
        ? nothing(callers === 0 ? words.noCalls : words.none)
        : table(words.columns, others.slice(0, maxRows).map((node) => rowOf(node, answer)), words.title),
      left === 0 ? undefined : nothing(words.more(left)),
    ),
    sidecar === null ? undefined : h(
      "details",
      { class: "card" },
      h("summary", {}, words.sidecar),
      h("pre", { tabIndex: 0 }, JSON.stringify(sidecar, undefined, 2)),
    ),
  );
}

function rowOf(
  { hop, kind, name, service, providers, consumers }: DependencyNode,
  { asked, hops }: Dependencies,
) {
  return [
    asked === null ? "" : hop,
    badge(words.kinds[kind]),
    h("a", { href: linkTo("dependencies", { by: kind, name: service ?? name, hops: String(hops) }) }, name),
    kind === "application" ? "" : providers === 1 ? badge(words.only, "note") : providers,
    consumers,
    service === null ? "" : h("a", { href: linkTo("service", { name: service }) }, words.open),
  ];
}

/** The graph by hops. All that it says is in the table, too, so a screen reader passes it over. */
function picture({ asked, nodes, edges, hops }: Dependencies): ComponentChild {
  const { placed, width, height } = layoutOf(nodes, edges);
  return h(
    "div",
    { class: "card picture", tabIndex: 0, role: "region", "aria-label": words.picture },
    h(
      "svg",
      {
        "aria-hidden": "true",
        width: width + 2,
        height: height + 2,
        viewBox: `-1 -1 ${width + 2} ${height + 2}`,
      },
      edges.map(({ from, to }) => {
        const [one, other] = [placed.get(from), placed.get(to)];
        return one === undefined || other === undefined
          ? undefined
          : h("path", { class: "edge", "data-from": from, "data-to": to, d: lineFrom(one, other) });
      }),
      Array.from(placed.values(), ({ node, x, y }) =>
        h(
          "a",
          {
            href: linkTo("dependencies", {
              by: node.kind,
              name: node.service ?? node.name,
              hops: String(hops),
            }),
            tabindex: -1,
            transform: `translate(${x} ${y})`,
            onPointerEnter: (event: Event) => light(event, node.id, true),
            onPointerLeave: (event: Event) => light(event, node.id, false),
          },
          h("title", {}, node.name),
          h("rect", {
            class: `box ${node.kind}${node.id === asked ? " asked" : ""}`,
            width: boxWidth,
            height: boxHeight,
            rx: node.kind === "application" ? 12 : 4,
          }),
          h("text", { x: 10, y: 16 }, shortened(node.name)),
        )),
    ),
  );
}

function lineFrom(
  a: { readonly x: number; readonly y: number },
  b: { readonly x: number; readonly y: number },
): string {
  const [left, right] = a.x <= b.x ? [a, b] : [b, a];
  const middle = boxHeight / 2;
  const [x1, x2] = [left.x + boxWidth, left.x === right.x ? right.x + boxWidth : right.x];
  const bend = Math.max(30, (x2 - x1) / 2);
  const end = left.x === right.x ? x2 + bend : x2 - bend;
  return `M${x1} ${left.y + middle}C${x1 + bend} ${left.y + middle} ${end} ${right.y + middle} ${x2} ${
    right.y + middle
  }`;
}

/** The end of an interface's name tells more than its beginning. */
function shortened(name: string): string {
  return name.length <= 30 ? name : `…${name.slice(-29)}`;
}

/** Shows the lines of a node. */
function light({ currentTarget }: Event, id: string, isOn: boolean): void {
  if (!(currentTarget instanceof SVGElement)) return;
  for (const edge of currentTarget.ownerSVGElement?.querySelectorAll<SVGElement>(".edge") ?? []) {
    if (edge.dataset["from"] === id || edge.dataset["to"] === id) edge.classList.toggle("lit", isOn);
  }
}
