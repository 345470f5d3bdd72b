import { z } from "zod";
import { Released, ReleaseQuestion } from "../../../shared/api/actions.ts";
import { CompareRequest, Comparison } from "../../../shared/api/compare.ts";
import { Converted, ConvertRequest } from "../../../shared/api/convert.ts";
import { Failure } from "../../../shared/api/state.ts";
import { programVersion } from "../../../shared/runtime/version.ts";
import { format } from "./operation.ts";
import type { Operation } from "./operation.ts";

/** The OpenAPI document of some operations: made of the very schemas that they are read and typed by. */
export function openApiDocument(operations: readonly Operation[]): Record<string, unknown> {
  return {
    openapi: "3.1.0",
    info: {
      title: "meshregistry",
      version: programVersion(),
      description:
        "What the aggregator knows. It only reads, but for actions. Answers are JSON, or YAML with format=yaml.",
    },
    servers: [{ url: "." }],
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "http.token, if it is set" },
        operator: { type: "http", scheme: "bearer", description: "http.operatorToken; it may also read" },
      },
    },
    security: [{}, { token: [] }],
    paths: {
      ...Object.fromEntries(operations.map((each) => [each.path, { get: pathItem(each) }])),
      "/events": { get: events },
      "/compare": { post: comparison },
      "/convert": { post: conversion },
      "/held/release": { post: release },
    },
  };
}

/** Not answered at once, so no operation. */
const events = {
  operationId: "events",
  summary: "What happens, as server-sent events: hello, services (rows, gone), overview, reset",
  parameters: [{
    name: "Last-Event-ID",
    in: "header",
    required: false,
    description:
      "the id of the last event: what was missed comes first, or reset if that isn't known any more",
    schema: { type: "string" },
  }],
  responses: {
    200: {
      description: "events until the reader goes",
      content: { "text/event-stream": { schema: { type: "string" } } },
    },
    503: failureOf("too many event streams are open"),
  },
};

/** A question with a body. */
const comparison = {
  operationId: "compare",
  summary: "What a dry run would change, compared with what a source has published; nothing is published",
  requestBody: {
    required: true,
    content: { "application/json": { schema: schemaOf(CompareRequest, "input") } },
  },
  responses: {
    200: {
      description: "what would change",
      content: { "application/json": { schema: schemaOf(Comparison, "output") } },
    },
    400: failureOf("the body isn't understood"),
    404: failureOf("there is no such source"),
    413: failureOf("the body is too large"),
  },
};

/** A question with a body that a collector answers. */
const conversion = {
  operationId: "convert",
  summary: "What a registry's answer would change, converted by the source's collector; nothing is published",
  requestBody: {
    required: true,
    content: { "application/json": { schema: schemaOf(ConvertRequest, "input") } },
  },
  responses: {
    200: {
      description: "what would change",
      content: { "application/json": { schema: schemaOf(Converted, "output") } },
    },
    400: failureOf("the body, the answer or the configuration isn't understood"),
    404: failureOf("there is no such source"),
    413: failureOf("the body is too large, or its conversion takes too long or too much memory"),
    429: failureOf("other conversions are running"),
    503: failureOf("no collector of the source answers"),
  },
};

/** The only action. */
const release = {
  operationId: "release",
  summary: "Lets go what is held of a source, at all collectors and aggregators; istiods then delete it",
  security: [{ operator: [] }],
  requestBody: {
    required: true,
    content: { "application/json": { schema: schemaOf(ReleaseQuestion, "input") } },
  },
  responses: {
    200: {
      description: "what was asked for",
      content: { "application/json": { schema: schemaOf(Released, "output") } },
    },
    400: failureOf("the body isn't understood"),
    401: failureOf("the token isn't the operator's"),
    403: failureOf("no operator's token is set, or the page of another site asks"),
    404: failureOf("there is no such source"),
    503: failureOf("the request could not be stored"),
  },
};

function pathItem({ id, summary, query, params = {}, answer }: Operation): Record<string, unknown> {
  const schema = schemaOf(answer, "output");
  return {
    operationId: id,
    summary,
    parameters: [
      ...Object.entries(params).map(([name, description]) => ({
        name,
        in: "path",
        required: true,
        description,
        schema: { type: "string" },
      })),
      ...Object.entries({ ...query.shape, format: format.optional() }).map(([name, field]) =>
        queryParameter(name, field)
      ),
    ],
    responses: {
      200: {
        description: "the answer",
        headers: { ETag: { schema: { type: "string" } } },
        content: { "application/json": { schema }, "application/yaml": { schema } },
      },
      304: { description: "the answer still is the one of If-None-Match" },
      400: failureOf("a parameter isn't understood"),
      404: failureOf("there is no such thing"),
    },
  };
}

function queryParameter(name: string, field: unknown): Record<string, unknown> {
  if (!(field instanceof z.ZodType)) throw new TypeError(`${name} has no schema`);
  const schema = schemaOf(field, "input");
  return {
    name,
    in: "query",
    required: !field.safeParse(undefined).success,
    description: field.description ?? "",
    schema,
  };
}

function failureOf(description: string): Record<string, unknown> {
  return { description, content: { "application/json": { schema: schemaOf(Failure, "output") } } };
}

function schemaOf(type: z.ZodType, io: "input" | "output"): Record<string, unknown> {
  const { $schema: _dialect, "~standard": _standard, ...schema } = z.toJSONSchema(type, {
    io,
    unrepresentable: "any",
    target: "draft-2020-12",
  });
  return schema;
}
