import { z } from "zod";
import { History, ServiceDiff } from "../../../shared/api/history.ts";
import { ChangePage, MomentDiff, RecordPage, ServiceMoment, Timeline } from "../../../shared/api/moments.ts";
import type { AtMost } from "../api/at-most.ts";
import { operation, Refusal } from "../api/operation.ts";
import type { Operation } from "../api/operation.ts";
import { diffOf, DiffQuery, historyOf } from "./history-answers.ts";
import type { HistoryOptions } from "./history-options.ts";
import {
  changesOf,
  ChangesQuery,
  momentDiff,
  MomentQuery,
  serviceMoment,
  ServiceMomentQuery,
} from "./moment-answers.ts";
import { recordsAt, RecordsQuery } from "./record-answers.ts";
import { timelineOf } from "./timeline.ts";

const noQuery = z.object({});

/** The operations of `/api/v1` about the past. `searches`: what may look at all records at a time. */
export function historyOperations(options: HistoryOptions, searches: AtMost): readonly Operation[] {
  return [
    operation({
      path: "/services/{namespace}/{name}/history",
      id: "history",
      summary: "The changes of a service that are kept, the newest first: when, which source, what",
      query: noQuery,
      params: { namespace: "its namespace", name: "its name" },
      answer: History,
      handle: ({ params: { namespace = "", name = "" } }) => {
        const history = historyOf(`${namespace}/${name}`, options);
        if (history !== undefined) return history;
        throw new Refusal(404, `no service ${namespace}/${name} is served, and no change of it is kept`);
      },
    }),
    operation({
      path: "/services/{namespace}/{name}/diff",
      id: "diff",
      summary: "What two states of a source's record differ in, or the record and what is served",
      query: DiffQuery,
      params: { namespace: "its namespace", name: "its name" },
      answer: ServiceDiff,
      handle: ({ query, params: { namespace = "", name = "" } }) =>
        diffOf(`${namespace}/${name}`, query, options),
    }),
    operation({
      path: "/services/{namespace}/{name}/moment",
      id: "serviceMoment",
      summary: "A service as each source published it at a moment",
      query: ServiceMomentQuery,
      params: { namespace: "its namespace", name: "its name" },
      answer: ServiceMoment,
      handle: ({ query, params: { namespace = "", name = "" } }) => {
        const found = serviceMoment(`${namespace}/${name}`, query.at, options);
        if (found !== undefined) return found;
        throw new Refusal(404, `no service ${namespace}/${name} is served, and no change of it is kept`);
      },
    }),
    operation({
      path: "/changes",
      id: "changes",
      summary: "What happened: the changes that are kept of all resources, the newest first",
      query: ChangesQuery,
      answer: ChangePage,
      handle: ({ query }) => changesOf(query, options),
    }),
    operation({
      path: "/moment",
      id: "moment",
      summary: "What all sources' records differ in between a moment and now, or another moment",
      query: MomentQuery,
      answer: MomentDiff,
      handle: ({ query }) => momentDiff(query, options),
    }),
    operation({
      path: "/records",
      id: "records",
      summary: "The catalogue at a moment: what the sources published, page by page",
      query: RecordsQuery,
      answer: RecordPage,
      handle: ({ query }) => searches.run(() => recordsAt(query, options)),
    }),
    operation({
      path: "/timeline",
      id: "timeline",
      summary: "Which moments can be asked for",
      query: noQuery,
      answer: Timeline,
      handle: () => timelineOf(options),
    }),
  ];
}
