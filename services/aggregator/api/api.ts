import { Hono } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import { z } from "zod";
import { ActionList, HeldPreview } from "../../../shared/api/actions.ts";
import { Dependencies } from "../../../shared/api/dependencies.ts";
import { Manifest, ServiceDetail, ServicePage } from "../../../shared/api/services.ts";
import {
  ClientList,
  ConflictList,
  HeldList,
  Overview,
  RejectionList,
  SourceList,
} from "../../../shared/api/state.ts";
import { reasonHelp } from "../../../shared/api/reason-help.ts";
import { reasonLink, reasons } from "../../../shared/api/reasons.ts";
import type { ReasonCode } from "../../../shared/api/reasons.ts";
import { ReasonList, Trace } from "../../../shared/api/trace.ts";
import { dependenciesOf, DependencyQuery } from "../dependencies/dependencies.ts";
import { GraphReader } from "../dependencies/read-graph.ts";
import { historyOperations } from "../history/history-operations.ts";
import { IstiodReader } from "../istiod/stored-entries.ts";
import type { ApiOptions } from "./api-options.ts";
import { AtMost } from "./at-most.ts";
import { dryRunRoutes } from "./dry-run-routes.ts";
import { actionRoutes, allActions } from "./actions.ts";
import { allConflicts } from "./conflict-answers.ts";
import { heldPreview, sourceNamed } from "./held-preview.ts";
import { EventHub } from "./events/event-hub.ts";
import { eventResponse } from "./events/event-route.ts";
import { openApiDocument } from "./openapi.ts";
import { operation, Refusal, routesOf } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { overviewAnswer } from "./overview-answer.ts";
import { rejectionOf } from "./rejections.ts";
import { dataPolicy, securityHeaders } from "./security-headers.ts";
import { serviceDetail, serviceManifest } from "./service-detail.ts";
import { searchServices, ServiceQuery } from "./service-search.ts";
import { questionIn, trace, TraceQuery } from "./trace/trace.ts";
import { allClients, allHeld, allSources } from "./state-answers.ts";

const noQuery = z.object({});

/** Searches at a time: each one keeps its turn of the event loop, and the results of a hundred would be late for all. */
const maxSearches = 16;

/** Traces at a time: each one asks all collectors. */
const maxTraces = 8;

/** Previews at a time: a collector converts what it holds for each. */
const maxPreviews = 4;

/** All operations of `/api/v1`, in the order of the document. */
export function apiOperations(options: ApiOptions): readonly Operation[] {
  const searches = new AtMost(maxSearches, "searches");
  const traces = new AtMost(maxTraces, "traces");
  const previews = new AtMost(maxPreviews, "previews");
  const calls = new GraphReader(options.cache);
  const istiods = new IstiodReader(options.config.istiod);
  return [
    operation({
      path: "/overview",
      id: "overview",
      summary: "The installation at a glance, and what a person should look at",
      query: noQuery,
      answer: Overview,
      handle: () => overviewAnswer(options),
    }),
    operation({
      path: "/services",
      id: "services",
      summary: "The services that clients get, by name, page by page",
      query: ServiceQuery,
      answer: ServicePage,
      handle: ({ query }) => searches.run(() => searchServices(query, options)),
    }),
    operation({
      path: "/services/{namespace}/{name}",
      id: "service",
      summary: "One service: endpoints, ports, the records of each source, conflicts, who has which version",
      query: noQuery,
      params: { namespace: "its namespace", name: "its name" },
      answer: ServiceDetail,
      handle: ({ params: { namespace = "", name = "" } }) => {
        const detail = serviceDetail(`${namespace}/${name}`, options);
        if (detail === undefined) {
          throw new Refusal(404, `no service ${namespace}/${name} is served; trace says why`);
        }
        return detail;
      },
    }),
    operation({
      path: "/services/{namespace}/{name}/manifest",
      id: "manifest",
      summary: "One service as clients get it, in the form that kubectl would apply",
      query: noQuery,
      params: { namespace: "its namespace", name: "its name" },
      answer: Manifest,
      handle: ({ params: { namespace = "", name = "" } }) => {
        const manifest = serviceManifest(`${namespace}/${name}`, options);
        if (manifest !== undefined) return manifest;
        throw new Refusal(404, `no service ${namespace}/${name} is served; trace says why`);
      },
    }),
    ...historyOperations(options, searches),
    operation({
      path: "/trace",
      id: "trace",
      summary:
        "Why an instance or a service is or isn't in the mesh: the verdict of each stage, with a reason code",
      query: TraceQuery,
      answer: Trace,
      handle: async ({ query }) => {
        const question = questionIn(query);
        return await traces.run(() => trace(question, options, istiods));
      },
    }),
    operation({
      path: "/dependencies",
      id: "dependencies",
      summary:
        "What breaks if an application or a service goes, or what it needs; without one, the most called",
      query: DependencyQuery,
      answer: Dependencies,
      handle: ({ query }) => dependenciesOf(query, calls),
    }),
    operation({
      path: "/reasons",
      id: "reasons",
      summary: "The reason codes, what each means and how to mend it",
      query: noQuery,
      answer: ReasonList,
      handle: () => ({ reasons: Object.keys(reasons).filter(isCode).map(reasonOf) }),
    }),
    operation({
      path: "/sources",
      id: "sources",
      summary: "The sources, with the replicas of their collectors",
      query: noQuery,
      answer: SourceList,
      handle: () => ({ sources: allSources(options) }),
    }),
    operation({
      path: "/held",
      id: "held",
      summary: "Losses that are held back from clients",
      query: noQuery,
      answer: HeldList,
      handle: () => allHeld(options),
    }),
    operation({
      path: "/held/preview",
      id: "heldPreview",
      summary: "What releasing the held losses of a source would do",
      query: z.object({
        source: z.string().max(256).meta({ description: "<registry>, or <registry>/<source>" }),
      }),
      answer: HeldPreview,
      handle: ({ query }) => previews.run(() => heldPreview(sourceNamed(query.source, options), options)),
    }),
    operation({
      path: "/actions",
      id: "actions",
      summary: "Who released or retired what, at any replica, in the last month",
      query: noQuery,
      answer: ActionList,
      handle: () => ({ actions: allActions(options) }),
    }),
    operation({
      path: "/conflicts",
      id: "conflicts",
      summary: "Hosts that several sources claim, and what is served of them",
      query: noQuery,
      answer: ConflictList,
      handle: () => ({ counts: { ...options.cache.conflicts.counts }, conflicts: allConflicts(options) }),
    }),
    operation({
      path: "/rejections",
      id: "rejections",
      summary: "Messages of the stream that aren't served as they are, and the rules that they break",
      query: noQuery,
      answer: RejectionList,
      handle: () => ({
        rejections: Array.from(
          options.ingest.rejections,
          ([subject, rejected]) => rejectionOf(subject, rejected),
        ),
      }),
    }),
    operation({
      path: "/clients",
      id: "clients",
      summary: "Who is connected, what each was sent and has acknowledged or refused",
      query: noQuery,
      answer: ClientList,
      handle: () => ({ clients: allClients(options) }),
    }),
  ];
}

function isCode(code: string): code is ReasonCode {
  return Object.hasOwn(reasons, code);
}

function reasonOf(code: ReasonCode) {
  return { code, ...reasons[code], help: reasonHelp[code], link: reasonLink(code) };
}

/** `/api/v1`, described by `openapi.json`: it reads, and acts for who has the operator's token. */
export function apiRoutes(options: ApiOptions): Hono {
  const operations = apiOperations(options);
  const app = new Hono();
  app.use(securityHeaders(dataPolicy));
  const hub = new EventHub(options);
  // Before what reads a whole answer.
  app.get("/events", (c) => eventResponse(c, hub));
  app.use(compress({ threshold: 1024 }), etag());
  let document: string | undefined;
  app.get("/openapi.json", (c) => {
    document ??= JSON.stringify(openApiDocument(operations), undefined, 2);
    return c.body(document, 200, { "Content-Type": "application/json" });
  });
  app.route("/", routesOf(operations));
  app.route("/", actionRoutes(options));
  app.route("/", dryRunRoutes(options));
  app.all(
    "*",
    (c) =>
      c.req.method === "GET"
        ? c.json({ error: "no such question: openapi.json lists all" }, 404)
        : c.json({ error: "the API only reads" }, 405),
  );
  return app;
}
